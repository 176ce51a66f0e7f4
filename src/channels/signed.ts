// Signed channels: what the user's web application gives to a browser, so that it may listen to some channels for some time.
//
// Invariant: a signature is compared in constant time, and nothing of a token is believed before it.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { BadUnit, parseDuration } from '../config/units.ts';
import { faultOfChannel } from './message.ts';

export interface SignOptions {
  /** `http.live.key` of the file; without one there, `http.token`. */
  readonly key: string;
  /** How long a stream may be opened and read with it, such as `10m`; default 1 hour. */
  readonly for?: string;
}

/** What a token that is signed and not over yet allows. */
export interface SignedChannels {
  readonly channels: readonly string[];
  /** In ms since 1970. */
  readonly untilMs: number;
}

const DEFAULT_FOR = '1h';
/** Of one token, and of one stream. */
export const MOST_CHANNELS = 50;
/** Of a token: the server takes 8 kB of URL and headers, and the names stand in the URL as well. */
const MOST_CHARACTERS = 4_096;

/**
 * Allows a browser that shows the result to listen to these channels: `/live?channel=…&token=…`.
 * @throws a TypeError where the channels, the key or the time cannot be used.
 */
export function signChannel(channel: string | readonly string[], options: SignOptions): string {
  const channels: string[] =
    typeof channel === 'string' ? [channel] : Array.isArray(channel) ? [...channel] : [];
  if (channels.length === 0 || channels.length > MOST_CHANNELS)
    throw new TypeError(`\`signChannel\` takes one channel, or up to ${MOST_CHANNELS} of them.`);
  for (const one of channels) {
    const fault = faultOfChannel(one);
    if (fault !== undefined) throw new TypeError(`The name of a channel ${fault}.`);
  }
  if (typeof options?.key !== 'string' || options.key === '')
    throw new TypeError('`signChannel` needs `key`: `http.live.key` of the file, or `http.token`.');
  const untilMs = Date.now() + durationOf(options.for ?? DEFAULT_FOR);
  const text = Buffer.from(JSON.stringify({ c: channels, u: untilMs })).toString('base64url');
  if (text.length > MOST_CHARACTERS)
    throw new TypeError(
      'The names of these channels are too long together for one URL: sign fewer at once, and open several streams.',
    );
  return `${text}.${macOf(text, options.key).toString('base64url')}`;
}

/** @returns undefined: it is not signed with this key, or over. */
export function signedChannels(token: string, key: string): SignedChannels | undefined {
  const [, text = '', shown = ''] = /^([\w-]{1,16000})\.([\w-]{43})$/.exec(token) ?? [];
  const isOurs = timingSafeEqual(digestOf(Buffer.from(shown, 'base64url')), digestOf(macOf(text, key)));
  if (!isOurs || text === '') return undefined;
  const { c: channels, u: untilMs } = JSON.parse(Buffer.from(text, 'base64url').toString()) as {
    c: string[];
    u: number;
  };
  return untilMs > Date.now() ? { channels, untilMs } : undefined;
}

/** A key of its own: no session of the dashboard is signed with it. */
const macOf = (text: string, key: string): Buffer =>
  createHmac('sha256', createHmac('sha256', key).update('tributary channels').digest()).update(text).digest();

/** Of one length, whatever came. */
const digestOf = (bytes: Buffer): Buffer => createHmac('sha256', 'compared').update(bytes).digest();

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof BadUnit)) throw error;
    throw new TypeError(`\`for\` of \`signChannel\` ${error.message}.`);
  }
}
