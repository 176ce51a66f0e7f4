// Who may listen to which channels: by a signed token, by the token of the server, or on this machine without any. Pure.
import type { IncomingHttpHeaders } from 'node:http';
import { faultOfChannel } from '../../channels/message.ts';
import { MOST_CHANNELS, signedChannels } from '../../channels/signed.ts';
import type { TokenVerdict } from '../server/token.ts';

export interface Listening {
  readonly channels: readonly string[];
  readonly lastEventId: string | undefined;
  /** When the token is over, in ms since 1970; undefined: never. */
  readonly untilMs?: number | undefined;
}

export interface Refused {
  readonly status: number;
  readonly sentence: string;
}

/** As parsed from the URL; a name that comes several times has all its values. */
export type LiveQuery = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface ListenRules {
  /** With which channels are signed; undefined: every channel is open. */
  readonly key: string | undefined;
  /** By the server's own token; asked only where nothing else allows it, because wrong ones are counted. */
  verdict(): TokenVerdict;
}

const KNOWN = ['channel', 'token', 'last_event_id'];

/** @returns what is listened to, or why not. */
export function listeningOf(
  query: LiveQuery,
  headers: Pick<IncomingHttpHeaders, 'authorization'> & Readonly<Partial<Record<string, string | string[]>>>,
  rules: ListenRules,
): Listening | Refused {
  const unknown = Object.keys(query).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined)
    return refused(400, `There is no parameter \`${shown(unknown)}\`: there are ${KNOWN.join(', ')}.`);
  const channels = [...new Set(allOf(query.channel))];
  if (channels.length === 0)
    return refused(400, 'Say which channel: `/live?channel=NAME`, several with `&channel=`.');
  if (channels.length > MOST_CHANNELS)
    return refused(400, `One stream takes at most ${MOST_CHANNELS} channels: open several.`);
  for (const channel of channels) {
    const fault = faultOfChannel(channel);
    if (fault !== undefined) return refused(400, `The name of a channel ${fault}.`);
  }
  // A page that has no id yet may send an empty one.
  const lastEventId = headers['last-event-id']?.toString() || allOf(query.last_event_id)[0] || undefined;
  const wish = { channels, lastEventId };
  if (rules.key === undefined) return wish;
  const bearer = /^bearer +(\S.*)$/i.exec(headers.authorization?.trim() ?? '')?.[1];
  const tokens = [...allOf(query.token), ...(bearer === undefined ? [] : [bearer])];
  const signed = tokens.flatMap((token) => signedChannels(token, rules.key as string) ?? []);
  const allowed = signed.filter((one) => channels.some((channel) => one.channels.includes(channel)));
  const missing = channels.find((channel) => !allowed.some((one) => one.channels.includes(channel)));
  if (missing === undefined) return { ...wish, untilMs: Math.min(...allowed.map(({ untilMs }) => untilMs)) };
  const verdict = rules.verdict();
  if (verdict === 'allowed') return wish;
  if (verdict === 'too-many')
    return refused(429, 'Too many wrong tokens came from this address: wait a minute.');
  return tokens.length === 0
    ? refused(401, 'Sign the channel with `signChannel`, and give `&token=`.')
    : refused(403, `The token is not for channel \`${shown(missing)}\`, or it is over.`);
}

/** @returns whether a page of another site may read the answer; undefined: no other site asks. */
export function isAllowedOrigin(
  { origin, host, 'x-forwarded-host': forwarded }: IncomingHttpHeaders,
  origins: readonly string[],
): boolean | undefined {
  if (origin === undefined) return undefined;
  if (URL.canParse(origin) && [host, forwarded].includes(new URL(origin).host)) return undefined;
  return origins.includes(origin);
}

const allOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

const refused = (status: number, sentence: string): Refused => ({ status, sentence });

/** Of what came from outside, in a sentence. */
const shown = (text: string): string => text.slice(0, 60).replaceAll(/[\p{Cc}`]/gu, '?');
