// `name:`, `mover:`, `http:`, `metrics:` and `install:` of the file.
import type { Config, HttpAddress } from '../config.ts';
import type { Value } from '../value.ts';
import { compact, secret } from './database.ts';
import { positive } from './handling.ts';
import { readLive } from './live.ts';

const MEGABYTE = 2 ** 20;
/**
 * Most events of one batch, and so of one transaction of a handler: ten seconds at 0.2 ms an event. Beyond it another worker
 * takes part, finished work is kept, and a process that drains ends in reasonable time.
 */
const WHOLE_EVENTS = 50_000;
/** Fewer come with a single answer of a shard, and a commit for each such part would be for nothing. */
const LEAST_WHOLE_EVENTS = 1_000;
const DELAY_MS = 50;
/** Queues are ticked no more often than this. */
const LEAST_DELAY_MS = 20;
/** An idle shard is looked at this often in any case. */
const MOST_DELAY_MS = 500;
const DEFAULT_NAME = 'tributary';

/** The name is part of the consumers' names on every shard. */
export function readName(value: Value | undefined): string {
  const wanted = 'a name of letters, digits, `_` and `-`, at most 40';
  const text = value?.scalar(wanted);
  if (value === undefined || text === undefined || /^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/.test(text.text)) {
    return text?.text ?? DEFAULT_NAME;
  }
  value.problem(`${value.name} must be ${wanted}, not ${text.shown}.`);
  return DEFAULT_NAME;
}

/** `keepMs` is the default of the queues. */
export function readMover(value: Value | undefined): Config['mover'] & { readonly keepMs: number } {
  const section = value?.section(['memory', 'whole', 'adopt_after', 'delay', 'keep']);
  const memory = section?.get('memory');
  const whole = section?.get('whole');
  let memoryBytes = memory?.size() ?? 256 * MEGABYTE;
  if (memoryBytes < MEGABYTE) {
    memory?.problem(`${memory.name} must be at least 1MB.`);
    memoryBytes = MEGABYTE;
  }
  const parts = whole?.isMap === true ? whole.section(['bytes', 'events']) : undefined;
  const size = parts === undefined ? whole : parts.get('bytes');
  const wholeBytes = size?.size() ?? Math.min(64 * MEGABYTE, Math.floor(memoryBytes / 4));
  if (wholeBytes > memoryBytes) {
    size?.problem(
      `${size.name} is more than \`mover.memory\`, in which a whole transaction must fit: lower it.`,
    );
  }
  const events = `a number of events such as ${WHOLE_EVENTS}, at least ${LEAST_WHOLE_EVENTS}`;
  return {
    memoryBytes,
    wholeBytes,
    wholeEvents: parts?.get('events')?.whole(events, { min: LEAST_WHOLE_EVENTS }) ?? WHOLE_EVENTS,
    adoptAfterMs: positive(section?.get('adopt_after')) ?? 30_000,
    delayMs: readDelay(section?.get('delay')),
    keepMs: section?.get('keep')?.duration() ?? 0,
  };
}

/** `install:` of the file. */
export function readInstall(value: Value | undefined): Config['install'] {
  return value?.oneOf(['auto', 'by-hand']) ?? 'by-hand';
}

/** How often a shard is looked at while events come. */
function readDelay(value: Value | undefined): number {
  const delayMs = value?.duration() ?? DELAY_MS;
  if (delayMs >= LEAST_DELAY_MS && delayMs <= MOST_DELAY_MS) return delayMs;
  value?.problem(
    `${value.name} must be from ${LEAST_DELAY_MS}ms to ${MOST_DELAY_MS}ms, such as ${DELAY_MS}ms.`,
  );
  return DELAY_MS;
}

export function readHttp(value: Value | undefined): Config['http'] {
  const section = value?.section(['listen', 'token', 'base', 'actions', 'user_header', 'live']);
  if (value === undefined || section === undefined || value.isEmpty) return undefined;
  const listen = section.require('listen', '`listen: 127.0.0.1:7717`');
  const tokenValue = section.get('token');
  const token = tokenValue === undefined ? undefined : secret(tokenValue, 'a secret text');
  const text = listen?.scalar('a host and a port such as 127.0.0.1:7717');
  const address = text === undefined ? undefined : parseListen(text.text);
  if (listen !== undefined && text !== undefined && address === undefined) {
    return listen.problem(
      `${listen.name} must be a host and a port such as 127.0.0.1:7717, not ${text.shown}.`,
    );
  }
  const base = readBase(section.get('base'));
  const actions = section.get('actions')?.yesOrNo() ?? false;
  const userHeader = readHeaderName(section.get('user_header'));
  const live = readLive(section.get('live'));
  return address === undefined ? undefined : compact({ ...address, token, base, actions, userHeader, live });
}

function readHeaderName(value: Value | undefined): string | undefined {
  const wanted = 'the name of a header such as `X-Forwarded-User`';
  const text = value?.scalar(wanted);
  if (text === undefined || /^[A-Za-z][A-Za-z0-9-]{0,63}$/.test(text.text)) return text?.text.toLowerCase();
  return value?.problem(`${value.name} must be ${wanted}, not ${text.shown}.`);
}

export function readMetrics(value: Value | undefined): Config['metrics'] {
  return { perSource: value?.section(['per_source'])?.get('per_source')?.yesOrNo() ?? false };
}

/** A path in front of all others, as a proxy passes it on. */
function readBase(value: Value | undefined): string | undefined {
  const wanted = 'a path such as `/tributary`, without a slash at its end';
  const text = value?.scalar(wanted);
  if (text === undefined || /^(\/[A-Za-z0-9._~-]*[A-Za-z0-9_~-])+$/.test(text.text)) return text?.text;
  return value?.problem(`${value.name} must be ${wanted}, not ${text.shown}.`);
}

/** `host:port`, `[::1]:port`, or `:port` and `port` alone (this machine only); port 0 takes a free one. Undefined where it is none of these. */
export function parseListen(text: string): HttpAddress | undefined {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]*)):)?(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port };
}
