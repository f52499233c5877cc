import { useEffect, useRef } from "preact/hooks";
import { useAction } from "./hooks.js";
import { Field, Outcome } from "./parts.jsx";
import { signIn } from "./session.js";

export function SignIn({ notice, onEnter, onReset }) {
  const [busy, outcome, run] = useAction();
  const username = useRef(null);
  const password = useRef(null);
  useEffect(() => username.current.focus(), []);

  const submit = (event) => {
    event.preventDefault();
    run(async () => {
      try {
        await signIn(username.current.value.trim(), password.current.value);
        await onEnter();
      } catch (problem) {
        password.current?.select();
        throw problem;
      }
    });
  };
  return (
    <main class="sign-in">
      <form class="panel" onSubmit={submit}>
        <Logo />
        <h1>Sitewatch</h1>
        <p class="soft">Sign in to see what is going on at the site.</p>
        <Field label="Username">
          <input ref={username} name="username" autocomplete="username" autocapitalize="none" required />
        </Field>
        <Field label="Password">
          <input ref={password} name="password" type="password" autocomplete="current-password" required />
        </Field>
        <button type="submit" class="primary wide" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
        <Outcome outcome={outcome ?? notice} />
        <button type="button" class="quiet wide" onClick={onReset}>
          I have a reset token
        </button>
      </form>
    </main>
  );
}

export const Logo = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="8" class="mark-ground" />
    <circle cx="16" cy="16" r="9" class="mark-ring" />
    <circle cx="16" cy="16" r="3.5" class="mark-eye" />
  </svg>
);
