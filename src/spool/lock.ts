// One spooler for a folder at a time: a file that names the process. It only keeps two from doing the same work; that nothing
// is delivered twice rests on the place on the shard.
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isNoSpace } from './folder.ts';
import { spoolMistake } from './mistakes.ts';

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in ticks of the kernel: another process may have the same number by now. */
  readonly began: string;
}

const nameOf = (folder: string) => join(folder, 'spooler.lock');

/** @returns what gives the lock back. @throws where another spooler has it. */
export function lockFolder(folder: string): () => void {
  const path = nameOf(folder);
  const mine = `${path}.${randomUUID()}`;
  const holder: Holder = { pid: process.pid, host: hostname(), began: beganOf(process.pid) ?? '' };
  try {
    writeFileSync(mine, JSON.stringify(holder), { mode: 0o600 });
    for (;;) {
      try {
        linkSync(mine, path);
        return () => rmSync(path, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const other = lockHolder(folder);
      if (other !== undefined) {
        throw spoolMistake(
          `Another spooler delivers ${folder}: process ${other.pid} on ${other.host}.`,
          'One is enough.',
        );
      }
      takeAway(path);
    }
  } catch (error) {
    // On a full disk it goes on without: delivering is what frees some.
    if (isNoSpace(error)) return () => {};
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
}

/** The process that holds the lock now; undefined: none that lives. */
export function lockHolder(folder: string): Pick<Holder, 'pid' | 'host'> | undefined {
  try {
    const holder = JSON.parse(readFileSync(nameOf(folder), 'utf8')) as Holder;
    // A process of another host, or of another container, cannot be seen from here. A spooler there is noticed on the shard.
    if (holder.host !== hostname() || beganOf(holder.pid) !== holder.began) return undefined;
    return holder;
  } catch {
    return undefined;
  }
}

/** A lock whose process is gone. Where another process was quicker, its own lock is put back. */
function takeAway(path: string): void {
  const old = `${path}.${randomUUID()}`;
  try {
    renameSync(path, old);
    const { pid, host, began } = JSON.parse(readFileSync(old, 'utf8')) as Holder;
    if (host === hostname() && beganOf(pid) === began) linkSync(old, path);
  } catch {
    // Gone already, or no lock of ours.
  } finally {
    rmSync(old, { force: true });
  }
}

/** Undefined: no such process. */
function beganOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold spaces: state is the first, the start the twentieth.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {}
  try {
    // Where there is no /proc.
    process.kill(pid, 0);
    return '';
  } catch {
    return undefined;
  }
}
