// Why central does not know a source that the file names, and what to do. Pure.
import type { FileAmongHosts } from '../../central/host-files.ts';
import type { RetiredSource } from '../../central/succession/retired.ts';
import type { Why } from './report.ts';

export interface WhyAbsent {
  /** The shard's present name, where the file still has a former one. */
  readonly renamedTo?: string | undefined;
  /** Where it has ended, and does not begin anew. */
  readonly ended?: EndedSource | undefined;
  /** `install: auto` */
  readonly isInstalledByItself?: boolean;
}

interface EndedSource extends Pick<RetiredSource, 'centralQueue' | 'at' | 'by' | 'successors'> {
  /** Other sources of its shard go on. */
  readonly isQueueAlone: boolean;
}

export interface Reasoned {
  readonly reason: string;
  readonly why: Why;
}

export function absentReason(
  { shard, queue }: { readonly shard: string; readonly queue: string },
  { file, renamedTo, ended, isInstalledByItself }: WhyAbsent & Pick<FileAmongHosts, 'file'>,
): Reasoned {
  if (ended !== undefined) return retiredReason(`Source ${shard}:${queue}`, ended, file);
  if (renamedTo !== undefined) {
    const remedy = `let ${file} say \`name: ${renamedTo}\` for it, and start the movers again`;
    return {
      reason: `Shard ${shard} was renamed to ${renamedTo}: ${remedy}.`,
      why: { cause: 'renamed', remedy },
    };
  }
  const command = 'tributary install';
  if (isInstalledByItself !== true)
    return {
      reason: `Source ${shard}:${queue} is not installed: run \`${command}\`.`,
      why: { cause: 'not-installed', command },
    };
  const remedy = 'its mover installs it by itself (`install: auto`), and says in its log why where it cannot';
  return {
    reason: `Source ${shard}:${queue} is not installed yet: ${remedy}.`,
    why: { cause: 'not-installed', remedy, command },
  };
}

function retiredReason(source: string, ended: EndedSource, file: string): Reasoned {
  const { at, by, successors, isQueueAlone, centralQueue } = ended;
  const heirs = successors.length === 0 ? '' : `, and ${successors.join(' and ')} took its place`;
  const remedy = isQueueAlone
    ? `take it out of \`queues:\` in ${file}; to begin it anew, run \`tributary queue add ${centralQueue} --start now\``
    : `take its shard out of ${file}; to begin it anew, say \`start: now\` in its entry`;
  return {
    reason: `${source} was retired at ${at} by ${by}${heirs}: ${remedy}.`,
    why: { cause: 'retired', remedy },
  };
}
