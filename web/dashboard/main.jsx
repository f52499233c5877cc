import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Dashboard } from "./dashboard.jsx";
import { get, onSessionEnd, signOut } from "./session.js";
import { SignIn } from "./signin.jsx";

function App() {
  const [me, setMe] = useState(null);
  const [notice, setNotice] = useState("");

  useEffect(() => {
    onSessionEnd((message) => {
      setMe(null);
      setNotice(message);
    });
  }, []);

  const enter = async () => {
    setMe(await get("users/me"));
    setNotice("");
  };
  const leave = () => {
    signOut();
    setMe(null);
    setNotice("You have signed out.");
  };
  return me ? <Dashboard me={me} onLeave={leave} /> : <SignIn notice={notice} onEnter={enter} />;
}

const container = document.querySelector("#app");
container.replaceChildren();
render(<App />, container);
