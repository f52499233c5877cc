// Formats errors, times and numbers for people.

/** An error response, or no response at all. Its message is a sentence for people; `detail` is the API's own. */
export class Problem extends Error {
  constructor(status, subcode, message, detail = null) {
    super(message);
    this.status = status;
    this.subcode = subcode;
    this.detail = detail;
  }

  /** Whether this part of the API is not deployed. */
  get isMissingRoute() {
    return this.status === 404 && this.message === NO_ROUTE;
  }
}

const NO_ROUTE = "This part of the site is not deployed yet.";
const UNREACHABLE = "The site is not responding. Check your connection.";

const MESSAGES = {
  4001: "This password is not allowed.",
  4002: "This username is not allowed.",
  4003: "The site does not know this id.",
  4004: "This username is taken.",
  4005: "The sender is not valid.",
  4006: "The recipient is not valid.",
  4007: "The message content is not valid.",
  4009: "This kind of message is not supported.",
  4010: "The text must have 1 to 4,096 characters.",
  4011: "The address must start with http:// or https://.",
  4012: "The width must be greater than 0.",
  4013: "The height must be greater than 0.",
  4014: "The video must be on YouTube or Vimeo.",
  4015: "This is not a valid number of entries.",
  4016: "This page of the list no longer exists.",
  4017: "This is not a valid time.",
  4040: "This does not exist, or no longer exists.",
  4041: "This user does not exist.",
  4133: "Your account is not allowed to do this.",
  5000: "Something went wrong. Please try again.",
  5001: "The site’s database is not responding.",
  5002: "The site’s queues are not responding.",
  5020: "The instrument could not be read: it is unreachable, too slow, or sent invalid data.",
};

function describeFields(detail) {
  if (!Array.isArray(detail)) return "";
  return detail
    .filter((one) => one && one.message)
    .map(({ field, message }) => `${field}: ${message}`)
    .join("; ");
}

const asSentence = (text) => `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;

/** Describe an error body of the API, `{code, subcode, error, detail}`, in a sentence. */
export function describeError({ code, subcode, error, detail }) {
  if (subcode === 4040 && detail === "no such route") return NO_ROUTE;
  const fieldErrors = describeFields(detail);
  const message = MESSAGES[subcode];
  if (message) return fieldErrors ? `${message} (${fieldErrors})` : message;
  if (fieldErrors) return `Please check: ${fieldErrors}.`;
  return asSentence(typeof detail === "string" && detail ? detail : (error ?? `Error ${code}`));
}

/** Convert an error response to a Problem. */
export async function toProblem(response) {
  const body = await response.json().catch(() => ({}));
  const code = body.code ?? response.status;
  const message = body.subcode || body.error ? describeError({ ...body, code }) : `The site returned error ${code}.`;
  const wait = Number(response.headers.get("Retry-After"));
  const advice = wait > 1 ? ` Try again in ${wait < 120 ? `${wait} s` : `${Math.ceil(wait / 60)} min`}.` : "";
  return new Problem(code, body.subcode ?? 0, message + advice, body.detail);
}

/** The Problem of a failed fetch. */
export const unreachableProblem = () => new Problem(0, 0, UNREACHABLE);

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockSeconds = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const numbers = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const measured = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });

export const formatTime = (time) => clock.format(new Date(time));
export const formatTimeWithSeconds = (time) => clockSeconds.format(new Date(time));
export const formatFullTime = (time) => whole.format(new Date(time));
export const formatCount = (number) => numbers.format(number);
export const formatBriefCount = (number) => (Math.abs(number) < 10_000 ? numbers.format(number) : compact.format(number));
export const formatMeasurement = (number) => measured.format(number);
export const plural = (number, one, many) => `${formatCount(number)} ${number === 1 ? one : many}`;

/** Format how long ago `time` is, or the time itself if it is hours ago. */
export function formatAge(time, now = Date.now()) {
  const seconds = Math.round((now - new Date(time)) / 1000);
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 12 * 3600) return formatTime(time);
  return dayAndClock.format(new Date(time));
}

/** The actions in the audit log. A test compares them with the API's. */
export const ACTIONS = {
  "login.succeeded": "Signed in",
  "login.failed": "Failed to sign in",
  "session.logged_out": "Logged out",
  "session.revoked": "Session ended: a used refresh token came again",
  "user.created": "User created",
  "user.changed": "User changed",
  "user.deleted": "User deleted",
  "password.changed": "Password changed",
  "password.refused": "Wrong current password",
  "password_reset.issued": "Reset token issued",
  "password_reset.refused": "Reset token refused",
  "password_reset.used": "Password reset",
  "api_token.issued": "API token issued",
  "api_token.revoked": "API token revoked",
  "event.deleted": "Event deleted",
  "rule.created": "Rule created",
  "rule.changed": "Rule changed",
  "rule.deleted": "Rule deleted",
  "source.changed": "Source described",
  "source.deleted": "Source deleted",
  "incident.changed": "Incident changed",
};

/** Format the detail of an audit entry: "role: admin; disabled: true". */
export const formatDetail = (detail) =>
  Object.entries(detail)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.replaceAll("_", " ")}: ${Array.isArray(value) ? value.join(", ") : value}`)
    .join("; ");
