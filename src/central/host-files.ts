// Which file each mover and each host with workers runs with, and that they differ. The sentences are pure.

import { isAny } from '../config/sections/host.ts';
import { sentenceAge } from '../errors/age.ts';
import { shellWord } from '../errors/shell-word.ts';
import type { Connection } from '../postgres/connection.ts';
import { shardResource } from '../queue/names.ts';

/** A running process of ours, or several of one host that have the same file. */
export interface HostFile {
  readonly host: string;
  readonly kind: 'mover' | 'work';
  /** As `Config.hash`. */
  readonly hash: string;
  /** How long the process has run with the file. */
  readonly ageSeconds: number;
  /** Why it did not take over the file that it read last: it goes on with the one before. */
  readonly refused?: string;
  /** Resources that it lets go of, because its file leads to databases that these shards have left. */
  readonly putsOff?: readonly string[];
}

export async function readHostFiles(central: Connection, timeoutMs?: number): Promise<HostFile[]> {
  const rows = await central.query<{
    host: string;
    kind: HostFile['kind'];
    hash: string;
    age_s: number;
    refused: string | null;
    puts_off: string[][] | null;
  }>(
    `select m.host, m.kind, m.file_hash as hash,
        greatest(0, extract(epoch from clock_timestamp()) - min(greatest(
            extract(epoch from m.started_at), (m.details -> 'file' ->> 'since')::numeric)))::double precision as age_s,
        max(m.details -> 'file' -> 'refused' ->> 0) as refused,
        jsonb_agg(m.details -> 'puts_off') filter (where jsonb_typeof(m.details -> 'puts_off') = 'array') as puts_off
     from tributary.member m
     where m.until between clock_timestamp() and clock_timestamp() + m.ttl and m.file_hash is not null
     group by 1, 2, 3 order by 1, 2, 4 desc`,
    [],
    timeoutMs === undefined ? {} : { timeoutMs },
  );
  return rows.map(({ age_s, refused, puts_off, ...row }) => ({
    ...row,
    ageSeconds: age_s,
    ...(refused === null ? {} : { refused }),
    ...(puts_off === null ? {} : { putsOff: puts_off.flat() }),
  }));
}

/** @param hash of the file at hand. @returns a sentence where the hosts run with more than one file, or one refuses its own. */
export function differingFiles(
  running: readonly HostFile[],
  file: { readonly hash: string; readonly file: string },
): string | undefined {
  const sentences = [filesDiffer(running, file), ...running.map(refusal)];
  return sentences.filter((one) => one !== undefined).join(' ') || undefined;
}

const refusal = ({ host, kind, refused }: HostFile): string | undefined =>
  refused === undefined
    ? undefined
    : `${kind === 'mover' ? 'The mover' : 'Workers'} on ${host} could not take the file there over, and go${kind === 'mover' ? 'es' : ''} on with the one before: ${refused}`;

function filesDiffer(
  running: readonly HostFile[],
  { hash, file }: { readonly hash: string; readonly file: string },
): string | undefined {
  const byHash = new Map<string, HostFile[]>();
  for (const one of running) byHash.set(one.hash, [...(byHash.get(one.hash) ?? []), one]);
  if (byHash.size < 2) return undefined;
  const groups = [...byHash].map(([one, members]) => {
    const since = Math.max(...members.map(({ ageSeconds }) => ageSeconds));
    const whose = members.map(({ host, kind }) => `${kind === 'mover' ? 'the mover' : 'workers'} on ${host}`);
    return `${whose.join(', ')} for ${sentenceAge(since)}${one === hash ? ` with ${file}` : ''}`;
  });
  const isKnown = byHash.has(hash);
  return `Hosts run with different files: ${groups.join('; ')}. ${isKnown ? '' : `None of them is ${file}. `}Bring the newest file to all of them and run \`tributary reload\`.`;
}

/** The file that a command reads, and the files of running processes. */
export interface FileAmongHosts {
  readonly file: string;
  readonly hash: string;
  readonly running: readonly HostFile[];
}

/** What starts a mover for the shards of a host. */
export const moverCommand = (moverHost: string): string =>
  isAny(moverHost) ? 'tributary mover' : `tributary mover --host ${shellWord(moverHost)}`;

/**
 * The remedy where no mover moves a shard: its mover may run and not know the shard, because its file differs; or know it by a
 * URL from before `shard move`.
 */
export function moverRemedy(
  { shard, moverHost }: { readonly shard: string; readonly moverHost: string },
  { file, hash, running }: FileAmongHosts,
): string {
  const movers = running.filter(
    (one) => one.kind === 'mover' && (isAny(moverHost) || one.host === moverHost),
  );
  const isOtherFile = movers.length > 0 && movers.every((one) => one.hash !== hash);
  const isLeft = movers.length > 0 && movers.every((one) => one.putsOff?.includes(shardResource(shard)));
  if (isLeft && !isOtherFile)
    return `${file} leads to a database that it has left for another server (\`shard move\`): change its URL there, on every host, and run \`tributary reload\``;
  if (isAny(moverHost)) {
    return isOtherFile
      ? `the movers that run have another file than ${file}: bring it there and run \`tributary reload\``
      : 'start `tributary start` or `tributary mover` on any machine';
  }
  return isOtherFile
    ? `the mover on host ${moverHost} runs with another file than ${file}: bring it there and run \`tributary reload\``
    : `start \`tributary mover --host ${shellWord(moverHost)}\``;
}
