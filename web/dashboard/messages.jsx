import { useState } from "preact/hooks";
import { useAction, useLoaded, useNewest } from "./hooks.js";
import { describeNotification, runJob } from "./jobs.js";
import { Ago, Field, Loaded, More, Outcome, Panel, Scroll } from "./parts.jsx";
import { getPage } from "./session.js";

export function Notifications() {
  const list = useNewest("notifications", (body) => body.notifications, 5, { limit: 10 });
  return (
    <Panel title="Notifications" id="notifications">
      <Loaded state={list} empty="No notifications yet." rows={2}>
        {(items) => (
          <Scroll label="Notifications, newest first" className="short">
            <ol class="rows">
              {items.map((one) => (
                <li key={one.id} class={`row ${one.is_error ? "failed" : ""}`}>
                  <span class="row-main">
                    <strong>{one.title}</strong>
                    <span class="soft">{describeNotification(one)}</span>
                  </span>
                  <Ago time={one.timestamp} />
                </li>
              ))}
            </ol>
            <More list={list} what="notifications" />
          </Scroll>
        )}
      </Loaded>
    </Panel>
  );
}

export function Messages({ me, users }) {
  const [other, setOther] = useState("");
  return (
    <Panel title="Messages" id="messages">
      <Loaded state={users} rows={2}>
        {(list) => {
          const others = list.filter((user) => user.id !== me.id);
          if (!others.length) return <p class="empty">There is no one else to write to yet.</p>;
          return (
            <>
              <Field label="Conversation with">
                <select value={other} onChange={(event) => setOther(event.currentTarget.value)}>
                  <option value="">Choose a person…</option>
                  {others.map((user) => (
                    <option key={user.id} value={user.id}>
                      {user.username}
                    </option>
                  ))}
                </select>
              </Field>
              {other && <Conversation key={other} me={me} other={others.find((user) => user.id === other)} />}
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}

const PAGE_SIZE = 20;

function Conversation({ me, other }) {
  const [limit, setLimit] = useState(PAGE_SIZE);
  const [hasMore, setHasMore] = useState(false);
  const messages = useLoaded(
    async (signal) => {
      const from = (sender, recipient) =>
        getPage("messages", { query: { sender_id: sender, recipient_id: recipient, limit }, signal });
      const [mine, theirs] = await Promise.all([from(me.id, other.id), from(other.id, me.id)]);
      setHasMore(Boolean(mine.next || theirs.next));
      // Cut both lists where the shorter one ends, so that no message in between is missing.
      const begin = [mine, theirs].filter((page) => page.next).map((page) => page.body.messages.at(-1)?.id ?? "");
      const all = [...mine.body.messages, ...theirs.body.messages].filter(({ id }) => begin.every((first) => id >= first));
      return all.sort((one, next) => (one.id < next.id ? 1 : -1));
    },
    5,
    [limit],
  );
  return (
    <>
      <MessageForm me={me} other={other} onSent={messages.reload} />
      <Loaded state={messages} empty={`No messages with ${other.username} yet.`} rows={2}>
        {(list) => (
          <Scroll label={`Messages with ${other.username}, newest first`}>
            <ol class="talk">
              {list.map((message) => (
                <li key={message.id} class={message.sender === me.id ? "mine" : "theirs"}>
                  <span class="soft">
                    {message.sender === me.id ? "You" : other.username} · <Ago time={message.timestamp} />
                  </span>
                  <Content content={message.content} />
                </li>
              ))}
            </ol>
            {hasMore && limit < 1000 && (
              <button type="button" class="quiet wide" onClick={() => setLimit(Math.min(limit * 4, 1000))}>
                More messages
              </button>
            )}
          </Scroll>
        )}
      </Loaded>
    </>
  );
}

/** Images and videos are shown as links: the page loads nothing from other hosts. */
function Content({ content }) {
  if (content.type === "text") return <p>{content.text}</p>;
  const what = content.type === "image" ? `Image, ${content.width} × ${content.height}` : `Video on ${content.source}`;
  return (
    <p>
      {what}:{" "}
      <a href={content.url} target="_blank" rel="noopener noreferrer nofollow">
        {content.url}
      </a>
    </p>
  );
}

const CONTENT = {
  text: ({ text }) => ({ type: "text", text }),
  image: ({ url, width, height }) => ({ type: "image", url, width: Number(width), height: Number(height) }),
  video: ({ url, source }) => ({ type: "video", url, source }),
};

function MessageForm({ me, other, onSent }) {
  const [type, setType] = useState("text");
  const [busy, outcome, run] = useAction();
  const submit = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const content = CONTENT[type](Object.fromEntries(new FormData(form)));
    run(async () => {
      const isDone = await runJob("messages", { sender_id: me.id, recipient_id: other.id, content });
      if (isDone) form.reset();
      await onSent();
      return isDone ? "Delivered." : "Accepted. A notification will report the outcome.";
    });
  };
  return (
    <form class="stack" onSubmit={submit}>
      <Field label="Kind">
        <select value={type} onChange={(event) => setType(event.currentTarget.value)}>
          <option value="text">Text</option>
          <option value="image">Image</option>
          <option value="video">Video</option>
        </select>
      </Field>
      {type === "text" ? (
        <Field label="Text">
          <textarea name="text" rows={2} maxLength={4096} required />
        </Field>
      ) : (
        <Field label="Address">
          <input name="url" type="url" required placeholder="https://…" />
        </Field>
      )}
      {type === "image" && (
        <div class="inline">
          <Field label="Width">
            <input name="width" type="number" min="1" required class="small" />
          </Field>
          <Field label="Height">
            <input name="height" type="number" min="1" required class="small" />
          </Field>
        </div>
      )}
      {type === "video" && (
        <Field label="On">
          <select name="source">
            <option value="youtube">YouTube</option>
            <option value="vimeo">Vimeo</option>
          </select>
        </Field>
      )}
      <button type="submit" class="primary" disabled={busy}>
        {busy ? "Sending…" : `Send to ${other.username}`}
      </button>
      <Outcome outcome={outcome} />
    </form>
  );
}
