import { useState } from "preact/hooks";
import { resetLink } from "./account.jsx";
import { useAction } from "./hooks.js";
import { runJob } from "./jobs.js";
import { Confirm, Dialog, Field, Loaded, Outcome, Panel, Scroll, Secret } from "./parts.jsx";
import { send } from "./session.js";
import { formatFullTime } from "./words.js";

const MAX_SHOWN = 50;

const pathOf = (user, what = "") => `users/${encodeURIComponent(user.id)}${what}`;
const change = (fields) => (user) => send("PATCH", pathOf(user), fields);

/** What an admin can do to a user: to whom it applies, what it will do, and what the page then says. */
const ACTS = [
  {
    name: "Make admin",
    isFor: (user) => user.role === "user",
    says: ({ username }) => `${username} may at once manage people and API tokens, read the audit log, and disable or demote you.`,
    run: change({ role: "admin" }),
    done: "is an admin now",
  },
  {
    name: "Make user",
    isFor: (user) => user.role === "admin",
    says: ({ username }) => `${username} loses administration at once, stays signed in, and sees the site as every user does.`,
    run: change({ role: "user" }),
    done: "is a user now",
  },
  {
    name: "Disable",
    danger: true,
    isFor: (user) => user.disabled === false,
    says: ({ username }) =>
      `All sessions of ${username} end within 30 seconds, and open pages sign out. Until ${username} is enabled again, signing in and the API tokens that ${username} made do not work.`,
    run: change({ disabled: true }),
    done: "is disabled",
  },
  {
    name: "Enable",
    isFor: (user) => user.disabled,
    says: ({ username }) => `${username} can sign in again, and the API tokens that ${username} made work again.`,
    run: change({ disabled: false }),
    done: "is enabled",
  },
  {
    name: "Reset password",
    isFor: () => true,
    says: ({ username }) =>
      `You get a token with which ${username} can set a new password, once, within 24 hours. It replaces an earlier one. The old password works until then; the sessions of ${username} end when the new one is set.`,
    run: (user) => send("POST", pathOf(user, "/password-reset")),
  },
  {
    name: "Delete",
    danger: true,
    isFor: () => true,
    says: ({ username }) =>
      `The account of ${username}, its sessions and the API tokens that ${username} made are gone. Messages stay. This cannot be undone.`,
    run: (user) => send("DELETE", pathOf(user)),
    done: "is deleted",
  },
];

/** The people who can sign in, newest first. `users` is the loaded list of all of them. */
export function People({ users }) {
  const [search, setSearch] = useState("");
  const [asking, setAsking] = useState(null); // {act, user}
  const [outcome, setOutcome] = useState(null);
  const [reset, setReset] = useState(null); // {username, reset_token, expires_at}

  const perform = async ({ act, user }) => {
    setOutcome(null);
    const answer = await act.run(user);
    if (act.done) setOutcome({ good: true, text: `${user.username} ${act.done}.` });
    if (answer?.reset_token) setReset({ username: user.username, ...answer });
    await users.reload();
  };
  const matches = ({ username, full_name: fullName, email }) =>
    [username, fullName, email].some((text) => text?.toLowerCase().includes(search.trim().toLowerCase()));
  return (
    <Panel title="People" id="people">
      <NewPerson onCreated={users.reload} />
      <div class="part stack">
        <Outcome outcome={outcome} />
        <Field label="Find">
          <input type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} autocomplete="off" />
        </Field>
        <Loaded state={users} rows={4}>
          {(list) => {
            const found = list.filter(matches).reverse();
            if (!found.length) return <p class="empty">Nobody is called that.</p>;
            return (
              <Scroll label="People, newest first">
                <ul class="rows">
                  {found.slice(0, MAX_SHOWN).map((user) => (
                    <Person key={user.id} user={user} onAsk={(act) => setAsking({ act, user })} />
                  ))}
                </ul>
                {found.length > MAX_SHOWN && <p class="empty">And {found.length - MAX_SHOWN} more: find them by name.</p>}
              </Scroll>
            );
          }}
        </Loaded>
      </div>
      {asking && (
        <Confirm
          title={`${asking.act.name}: ${asking.user.username}`}
          says={asking.act.says(asking.user)}
          button={asking.act.name}
          danger={asking.act.danger}
          action={() => perform(asking)}
          onClose={() => setAsking(null)}
        />
      )}
      {reset && !asking && (
        <Dialog title={`Reset token of ${reset.username}`} onClose={() => setReset(null)}>
          <Secret label="Reset token" value={reset.reset_token} link={resetLink(reset.reset_token)} onDone={() => setReset(null)}>
            Give {reset.username} this token, or the link, which opens the page that asks for the new password. It works once, until{" "}
            {formatFullTime(reset.expires_at)}.
          </Secret>
        </Dialog>
      )}
    </Panel>
  );
}

function Person({ user, onAsk }) {
  return (
    <li>
      <details class="person">
        <summary>
          <strong>{user.username}</strong> {user.full_name && <span class="soft">{user.full_name} </span>}
          {user.role === "admin" && <span class="tag">admin</span>} {user.disabled && <span class="tag off">disabled</span>}
        </summary>
        {user.email && <p class="soft">{user.email}</p>}
        <div class="inline">
          {ACTS.filter((act) => act.isFor(user)).map((act) => (
            <button
              type="button"
              key={act.name}
              class={act.danger ? "danger" : ""}
              aria-label={`${act.name}: ${user.username}`}
              onClick={() => onAsk(act)}
            >
              {act.name}…
            </button>
          ))}
        </div>
      </details>
    </li>
  );
}

function NewPerson({ onCreated }) {
  const [busy, outcome, run] = useAction();
  const submit = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { password, ...texts } = Object.fromEntries(new FormData(form));
    const profile = Object.entries(texts).map(([name, text]) => [name, text.trim()]);
    run(async () => {
      const isDone = await runJob("users", { password, ...Object.fromEntries(profile.filter(([, text]) => text)) });
      if (isDone) form.reset();
      await onCreated();
      return isDone ? `${texts.username.trim()} can sign in.` : "Accepted. A notification will report the outcome.";
    });
  };
  return (
    <details class="fold">
      <summary>Create a user</summary>
      <form class="inline" onSubmit={submit}>
        <Field label="Username" className="grow">
          <input name="username" required autocomplete="off" autocapitalize="none" placeholder="mara" />
        </Field>
        <Field label="Password" className="grow">
          <input name="password" type="password" required autocomplete="new-password" />
        </Field>
        <Field label="Full name (optional)" className="grow">
          <input name="full_name" maxLength={128} autocomplete="off" />
        </Field>
        <Field label="Email (optional)" className="grow">
          <input name="email" maxLength={254} autocomplete="off" inputMode="email" />
        </Field>
        <button type="submit" class="primary" disabled={busy}>
          {busy ? "Creating…" : "Create"}
        </button>
      </form>
      <p class="caption">Creates an account with the role “user”. To let the person choose the password, reset it afterwards.</p>
      <Outcome outcome={outcome} />
    </details>
  );
}
