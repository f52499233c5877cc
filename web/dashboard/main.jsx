import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ResetPassword, takeResetToken } from "./account.jsx";
import { Dashboard } from "./dashboard.jsx";
import { get, logOut, onSessionEnd } from "./session.js";
import { SignIn } from "./signin.jsx";

function App() {
  const [me, setMe] = useState(null);
  const [notice, setNotice] = useState(null); // {good, text}
  const [resetToken, setResetToken] = useState(takeResetToken); // null: not the page for a reset token

  const goToSignIn = (good, text) => {
    setMe(null);
    setNotice({ good, text });
  };
  useEffect(() => {
    onSessionEnd((reason) => goToSignIn(false, reason));
    // Opening a link with a token on the open page does not load the page again.
    addEventListener("hashchange", () => {
      const token = takeResetToken();
      if (token !== null) setResetToken(token);
    });
  }, []);

  const enter = async () => {
    setMe(await get("users/me"));
    setNotice(null);
  };
  const leave = async (everywhere) => {
    await logOut(everywhere);
    goToSignIn(true, everywhere ? "You are logged out everywhere." : "You are logged out.");
  };
  const finishReset = () => {
    setResetToken(null);
    setNotice({ good: true, text: "The new password is set. Sign in with it." });
  };
  if (resetToken !== null) {
    return <ResetPassword key={resetToken} token={resetToken} onDone={finishReset} onCancel={() => setResetToken(null)} />;
  }
  if (me) return <Dashboard signedIn={me} onLeave={leave} />;
  return <SignIn notice={notice} onEnter={enter} onReset={() => setResetToken("")} />;
}

const container = document.querySelector("#app");
container.replaceChildren();
render(<App />, container);
