import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Dashboard } from "./dashboard.jsx";
import { get, signOut, whenEnded } from "./session.js";
import { SignIn } from "./signin.jsx";

function App() {
  const [me, setMe] = useState(null);
  const [said, setSaid] = useState("");

  useEffect(() => {
    whenEnded((sentence) => {
      setMe(null);
      setSaid(sentence);
    });
  }, []);

  const enter = async () => {
    setMe(await get("users/me"));
    setSaid("");
  };
  const leave = () => {
    signOut();
    setMe(null);
    setSaid("You have signed out.");
  };
  return me ? <Dashboard me={me} onLeave={leave} /> : <SignIn said={said} onEnter={enter} />;
}

const place = document.querySelector("#app");
place.replaceChildren();
render(<App />, place);
