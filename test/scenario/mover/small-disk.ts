// A disk that a test can fill: a small tmpfs in a mount namespace of its own, which is gone with the process that holds it.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { serverAccount } from '../../../src/embedded/account.ts';
import { givenFolder } from '../../support/files.ts';
import { startProcess } from '../../support/processes/process.ts';

export interface SmallDisk {
  /** Where everybody who may look at the holding process finds it. */
  readonly path: string;
  /** Takes every byte that is left. */
  fill(): void;
  /** Gives back what `fill` took. */
  free(): void;
}

const MOUNT = `mount -t tmpfs -o "size=$2,mode=0777" tmpfs "$1" && mkdir -m 0777 "$1/data"`;
const MEBIBYTE = Buffer.alloc(1024 * 1024);

/** Root has namespaces of its own accord; everybody else only as root of a user namespace, where that is allowed. */
function holder(folder: string, size: string): string[] {
  const account = serverAccount();
  const stay =
    account === undefined
      ? 'exec sleep 86400'
      : `chown ${account.uid}:${account.gid} "$1/data" && exec setpriv --reuid=${account.uid} --regid=${account.gid} --clear-groups sleep 86400`;
  const namespace = account === undefined ? ['--user', '--map-root-user', '--mount'] : ['--mount'];
  return ['unshare', ...namespace, 'sh', '-c', `${MOUNT} && echo mounted && ${stay}`, 'sh', folder, size];
}

/** @returns a sentence where this machine does not let us mount anything. */
export async function givenSmallDisk({ megabytes = 64 } = {}): Promise<SmallDisk | string> {
  if (spawnSync('unshare', ['--version']).status !== 0) return 'There is no `unshare` here.';
  const folder = givenFolder();
  const { pid, waitForLine } = startProcess(holder(folder, `${megabytes}m`));
  try {
    await waitForLine(/^mounted$/);
  } catch (error) {
    return `This machine lets us mount nothing: ${error instanceof Error ? error.message : error}`;
  }
  const path = join(`/proc/${pid}/root`, folder, 'data');
  const ballast = join(`/proc/${pid}/root`, folder, 'ballast');
  return {
    path,
    fill() {
      const file = openSync(ballast, 'a');
      try {
        for (let bytes = MEBIBYTE.length; bytes >= 512; ) {
          try {
            writeSync(file, MEBIBYTE, 0, bytes);
          } catch {
            bytes /= 2;
          }
        }
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(ballast),
  };
}
