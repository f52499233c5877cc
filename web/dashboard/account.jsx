// One's own account: the menu in the header, and setting a new password with a reset token.
import { useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "./hooks.js";
import { Confirm, Dialog, Field, Outcome } from "./parts.jsx";
import { changePassword, resetPassword } from "./session.js";
import { Logo } from "./signin.jsx";

const LOG_OUT_EVERYWHERE =
  "Ends this session and all your others, on every device, within 30 seconds. API tokens that you made keep working.";

export function AccountMenu({ me, onLeave }) {
  const menu = useRef(null);
  const [open, setOpen] = useState(null); // the dialog: "password" or "everywhere"
  const [busy, outcome, run] = useAction();
  const close = () => {
    menu.current.open = false;
    menu.current.querySelector("summary").focus();
  };
  const choose = (dialog) => {
    close();
    setOpen(dialog);
  };
  const closeOnEscape = (event) => {
    if (event.key === "Escape" && menu.current.open) close();
  };
  const closeOnLeave = (event) => {
    if (!menu.current.contains(event.relatedTarget)) menu.current.open = false;
  };
  return (
    <div class="who">
      <details class="menu" ref={menu} onKeyDown={closeOnEscape} onFocusOut={closeOnLeave}>
        <summary title={me.username}>
          <span class="unseen">Account of </span>
          <span class="who-name">{me.full_name ?? me.username}</span>
          {me.role === "admin" && <span class="tag">admin</span>}
        </summary>
        <div class="menu-items" tabIndex={-1}>
          <button type="button" class="quiet" onClick={() => choose("password")}>
            Change password
          </button>
          <button type="button" class="quiet" disabled={busy} onClick={() => run(() => onLeave(false))}>
            Log out
          </button>
          <button type="button" class="quiet" onClick={() => choose("everywhere")}>
            Log out everywhere
          </button>
          <Outcome outcome={outcome} />
        </div>
      </details>
      {open === "password" && <ChangePassword me={me} onClose={() => setOpen(null)} />}
      {open === "everywhere" && (
        <Confirm
          title="Log out everywhere?"
          says={LOG_OUT_EVERYWHERE}
          button="Log out everywhere"
          action={() => onLeave(true)}
          onClose={() => setOpen(null)}
        />
      )}
    </div>
  );
}

function ChangePassword({ me, onClose }) {
  const [busy, outcome, run] = useAction();
  const [isDone, setDone] = useState(false);
  const submit = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    run(async () => {
      await changePassword(form.elements.current.value, readNewPassword(form));
      setDone(true);
    });
  };
  if (isDone) {
    return (
      <Dialog title="Change password" onClose={onClose}>
        <p role="status">Your password is changed. Your other sessions have ended.</p>
        <button type="button" class="primary" onClick={onClose}>
          Close
        </button>
      </Dialog>
    );
  }
  return (
    <Dialog title="Change password" onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <p class="soft">All your other sessions end. This one goes on.</p>
        <input type="text" name="username" autocomplete="username" value={me.username} readOnly hidden />
        <Field label="Current password">
          <input name="current" type="password" autocomplete="current-password" required />
        </Field>
        <NewPassword />
        <Outcome outcome={outcome} />
        <div class="inline">
          <button type="submit" class="primary" disabled={busy}>
            Change password
          </button>
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const NewPassword = () => (
  <>
    <Field label="New password">
      <input name="fresh" type="password" autocomplete="new-password" required />
    </Field>
    <Field label="New password again">
      <input name="again" type="password" autocomplete="new-password" required />
    </Field>
  </>
);

/** The new password in `form`. Throws if it is not the same twice. */
function readNewPassword({ elements: { fresh, again } }) {
  if (fresh.value !== again.value) throw new Error("The two new passwords differ.");
  return fresh.value;
}

/** The page for a reset token, which a link may contain: see `resetLink`. */
export function ResetPassword({ token, onDone, onCancel }) {
  const [busy, outcome, run] = useAction();
  const form = useRef(null);
  useEffect(() => form.current.elements[token ? "fresh" : "token"].focus(), []);
  const submit = (event) => {
    event.preventDefault();
    run(async () => {
      await resetPassword(form.current.elements.token.value.trim(), readNewPassword(form.current));
      onDone();
    });
  };
  return (
    <main class="sign-in">
      <form class="panel" ref={form} onSubmit={submit}>
        <Logo />
        <h1>Set a new password</h1>
        <p class="soft">An administrator gives you a reset token. It works once, and your sessions end.</p>
        <Field label="Reset token">
          <input name="token" defaultValue={token} maxLength={256} autocomplete="off" autocapitalize="none" spellcheck={false} required />
        </Field>
        <NewPassword />
        <button type="submit" class="primary wide" disabled={busy}>
          Set the password
        </button>
        <button type="button" class="quiet wide" onClick={onCancel}>
          Cancel
        </button>
        <Outcome outcome={outcome} />
      </form>
    </main>
  );
}

const RESET = "#reset=";

/** A link to this page with a reset token. It is in the fragment, which browsers do not send, so no log has it. */
export const resetLink = (token) => new URL(RESET + encodeURIComponent(token), location.href).href;

/** The reset token in the page's address, which loses it: neither the history nor a bookmark keeps it. */
export function takeResetToken() {
  if (!location.hash.startsWith(RESET)) return null;
  const token = decodeURIComponent(location.hash.slice(RESET.length));
  history.replaceState(null, "", location.pathname + location.search);
  return token;
}
