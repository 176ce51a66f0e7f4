// Logs what happens to the file and its queries while a process runs: one line each.
import type { Logger } from 'pino';
import type { Changes, NameChanges } from '../config/changes.ts';
import { counted } from '../errors/words.ts';
import type { FleetOccurrence } from '../fleet/occurrence.ts';

/** Names beyond these are counted. */
const MOST_NAMES = 5;

/** A listener for `FleetOptions.onOccurrence` that logs. */
export function logFleet(log: Logger): (occurrence: FleetOccurrence) => void {
  return (occurrence) => {
    switch (occurrence.kind) {
      case 'file-taken':
        return log.info(`the file was read again by ${occurrence.by}: ${wordsFor(occurrence.changes)}`);
      case 'file-refused':
        return log.error(
          { sentences: occurrence.sentences },
          `the file was read again by ${occurrence.by} and changes nothing: ${occurrence.sentences.join(' ')}`,
        );
      case 'shards-queried':
        return log.info(`shards by query: ${wordsFor(occurrence.changes)}`);
      case 'row-refused':
        return log.warn(`A row is no shard: ${occurrence.sentence}`);
      case 'query-failed':
        return log.warn(`${occurrence.sentence} The shards that were known stay; it is asked again.`);
      case 'query-answers':
        return log.info(`the query of ${occurrence.place} answers again`);
      case 'installed':
        return log.info(
          { shard: occurrence.shard },
          `${occurrence.shard === undefined ? 'central' : `shard ${occurrence.shard}`} was installed: ${occurrence.did.join(', ')}`,
        );
      case 'not-installed':
        return log.error(`${occurrence.sentence} It is tried again.`);
    }
  };
}

/** `shards: new s3, gone s2; queues: changed orders` */
function wordsFor({ shards, queues, others }: Changes): string {
  const parts = [
    ...namesFor('shards', shards),
    ...namesFor('queues', queues),
    ...(others.length === 0 ? [] : [`also ${others.join(', ')}`]),
  ];
  return parts.length === 0 ? 'nothing is different' : parts.join('; ');
}

function namesFor(what: string, { added, removed, changed }: NameChanges): string[] {
  const words = [
    ['new', added],
    ['gone', removed],
    ['changed', changed],
  ] as const;
  const said = words.flatMap(([word, names]) => (names.length === 0 ? [] : [`${word} ${someOf(names)}`]));
  return said.length === 0 ? [] : [`${what}: ${said.join(', ')}`];
}

function someOf(names: readonly string[]): string {
  const rest = names.length - MOST_NAMES;
  return rest > 0
    ? `${names.slice(0, MOST_NAMES).join(' ')} and ${counted(rest, 'more', 'more')}`
    : names.join(' ');
}
