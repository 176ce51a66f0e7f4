// A folder in memory for the files of tests. They make and drop hundreds of databases of three hundred files each: on a disk
// the file system would be busier than PostgreSQL, and tests would wait for other programs that use it.
import { readFileSync, statfsSync } from 'node:fs';
import { freemem } from 'node:os';

const FOLDER = '/dev/shm';
/** More than twice what a whole run needed at once when it was measured. */
const ROOM = 4 * 1024 ** 3;
/** The folder takes memory from the processes that the tests start. */
const MEMORY = 2 * ROOM;

/** Undefined where there is none with enough room, or where programs may not be run from it, as in most containers. */
export function memoryFolder(): string | undefined {
  if (process.platform !== 'linux' || !isForPrograms(FOLDER)) return undefined;
  const { bavail, bsize } = statfsSync(FOLDER);
  const limit = process.constrainedMemory();
  const memory = limit > 0 ? Math.min(limit, freemem()) : freemem();
  return bavail * bsize >= ROOM && memory >= MEMORY ? FOLDER : undefined;
}

function isForPrograms(folder: string): boolean {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const [, , type, options = ''] = mounts.find((line) => line.split(' ')[1] === folder)?.split(' ') ?? [];
  return type === 'tmpfs' && !options.split(',').includes('noexec');
}
