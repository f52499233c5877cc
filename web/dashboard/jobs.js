// Jobs: requests that the site accepts at once and works on later.
import { get, send } from "./session.js";
import { describeError } from "./words.js";

const MAX_POLLS = 60;

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Describe a notification in a sentence. */
export function describeNotification({ title, message, is_error: isError }) {
  if (isError) return describeError(message);
  if (title === "New Message") return "Your message was delivered.";
  if (title === "Message Received") return "You received a message.";
  if (title === "User Creation") return "The account was created.";
  return "Done.";
}

/** Post a job and wait for it. Return whether it is done: it may take longer. Throws if it failed. */
export async function runJob(path, json) {
  const { job_id: jobId } = await send("POST", path, json);
  for (let poll = 0; poll < MAX_POLLS; poll++) {
    const { status, notification } = await get(`jobs/${encodeURIComponent(jobId)}`);
    if (status === "failed") throw new Error(notification ? describeNotification(notification) : "The site could not do it.");
    if (status !== "pending") return true;
    await sleep(Math.min(250 * 1.2 ** poll, 2000));
  }
  return false;
}
