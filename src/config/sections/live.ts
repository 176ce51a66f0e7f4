// `http.live:` of the file: who may listen to what handlers publish.
import type { LiveSettings } from '../config.ts';
import type { Value } from '../value.ts';
import { compact, secret } from './database.ts';

/** Streams open in one process where the file does not say. */
export const MOST_STREAMS = 10_000;
const LEAST_KEY_CHARACTERS = 16;

export function readLive(value: Value | undefined): LiveSettings | undefined {
  const section = value?.section(['key', 'origins', 'streams']);
  if (section === undefined) return undefined;
  const streams = section.get('streams')?.whole('a number of streams such as 10000', { min: 1 });
  return compact({
    key: readKey(section.get('key')),
    origins: readOrigins(section.get('origins')),
    streams: streams ?? MOST_STREAMS,
  });
}

function readKey(value: Value | undefined): string | undefined {
  const key = value === undefined ? undefined : secret(value, 'a secret text');
  if (key !== undefined && key.length < LEAST_KEY_CHARACTERS)
    value?.problem(
      `${value.name} is too short to sign anything: take ${LEAST_KEY_CHARACTERS} characters or more.`,
    );
  return key;
}

function readOrigins(value: Value | undefined): string[] {
  if (value === undefined) return [];
  const wanted = 'an origin such as `https://shop.example.com`, or a list of them';
  return (value.list() ?? [value]).flatMap((item) => {
    const text = item.scalar(wanted);
    if (text === undefined) return [];
    const origin = URL.canParse(text.text) ? new URL(text.text).origin : 'null';
    if (origin !== 'null' && origin === text.text) return [origin];
    item.problem(`${item.name} must be ${wanted}, without a path, not ${text.shown}.`);
    return [];
  });
}
