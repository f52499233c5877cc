// What people read: errors, times and numbers in words.

/** An answer other than 2xx, or none at all; its message is a sentence for people. */
export class Problem extends Error {
  constructor(status, subcode, sentence, seconds = null) {
    super(sentence);
    this.status = status;
    this.subcode = subcode;
    this.retryAfter = seconds;
  }

  /** Whether this part of the API is not deployed. */
  get isMissingRoute() {
    return this.status === 404 && this.message === NO_ROUTE;
  }
}

const NO_ROUTE = "This part of the site is not deployed yet.";
const UNREACHABLE = "The site does not answer. Check the connection.";

const SENTENCES = {
  4001: "That password will not do.",
  4002: "That username will not do.",
  4003: "That is no id the site knows.",
  4005: "The sender is not valid.",
  4006: "The recipient is not valid.",
  4007: "The message has no valid content.",
  4009: "That kind of message is not known.",
  4010: "The text has to have 1 to 4,096 characters.",
  4011: "The address has to begin with http:// or https://.",
  4012: "The width has to be a number above 0.",
  4013: "The height has to be a number above 0.",
  4014: "The video has to be on YouTube or Vimeo.",
  4015: "That is not a valid number of entries.",
  4016: "That page of the list does not exist any more.",
  4017: "That is not a valid time.",
  4040: "There is nothing of that name (any more).",
  4041: "There is no such user.",
  4131: "The username or the password is wrong.",
  4132: "Your session has ended. Please sign in again.",
  4133: "Your account may not do that.",
  4290: "Too many requests at once. Please wait a moment.",
  5000: "Something went wrong on the site’s side. Please try again.",
  5001: "The site’s database does not answer at the moment.",
  5002: "The site’s queues do not answer at the moment.",
  5020: "The instrument could not be read: it is unreachable, slow, or answered badly.",
};

function fields(detail) {
  if (!Array.isArray(detail)) return "";
  return detail
    .filter((one) => one && one.message)
    .map(({ field, message }) => `${field}: ${message}`)
    .join("; ");
}

/** The sentence for an error body of the API: `{code, subcode, error, detail}`. */
export function sentenceOf({ code, subcode, error, detail }) {
  if (code === 409) return "That username is taken.";
  if (subcode === 4040 && detail === "no such route") return NO_ROUTE;
  const named = fields(detail);
  const known = SENTENCES[subcode];
  if (known) return named ? `${known} (${named})` : known;
  if (named) return `Please check: ${named}.`;
  return typeof detail === "string" && detail !== error ? `${error}: ${detail}` : `${error ?? `Error ${code}`}.`;
}

/** What a response other than 2xx says. */
export async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const code = body.code ?? response.status;
  const sentence = body.subcode || body.error ? sentenceOf({ ...body, code }) : `The site answered with error ${code}.`;
  return new Problem(code, body.subcode ?? 0, sentence, Number(response.headers.get("Retry-After")) || null);
}

/** What a failed fetch means. */
export const unreachable = () => new Problem(0, 0, UNREACHABLE);

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

export const atClock = (time) => clock.format(new Date(time));
export const atClockSeconds = (time) => clockSeconds.format(new Date(time));
export const wholeTime = (time) => whole.format(new Date(time));
export const count = (number) => numbers.format(number);
export const briefCount = (number) => (Math.abs(number) < 10_000 ? numbers.format(number) : compact.format(number));
export const measurement = (number) => measured.format(number);
export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

/** How long ago `time` is, or the clock's time where that says more. */
export function ago(time, now = Date.now()) {
  const seconds = Math.round((now - new Date(time)) / 1000);
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 12 * 3600) return atClock(time);
  return dayAndClock.format(new Date(time));
}
