// The page's URL may or may not end with a slash (an API's root has both), so nothing in the page is relative to it.
import(new URL("DASHBOARD", location.origin + location.pathname.replace(/\/*$/, "/")).href).catch(() => {
  document.querySelector("#app").textContent = "The dashboard did not load. Check the connection, then reload the page.";
});
