// Appending to a spool: files, limits, what a writer does when its file is taken away or its disk is full, and copies of the folder.
import { spawnSync } from 'node:child_process';
import fs, { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EventTexts } from '../../../src/queue/insert.ts';
import { adoptFolder, openFolder, segmentsByWriter, spoolIdentity } from '../../../src/spool/folder.ts';
import { lockFolder, lockHolder } from '../../../src/spool/lock.ts';
import { spoolStatus } from '../../../src/spool/status.ts';
import { SpoolWriter, type WriterOptions } from '../../../src/spool/writer.ts';
import { readOn } from '../../../src/spool/writer-log.ts';
import { givenFolder } from '../../support/files.ts';

const ioError = () => Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
const FAILING = {
  fdatasync: (_: number, done: (error: Error) => void) => setImmediate(done, ioError()),
  fdatasyncSync: () => {
    throw ioError();
  },
  fsyncSync: () => {
    throw ioError();
  },
};

const text = (data: string): EventTexts => ['t', data, null, null, null, null];

function givenWriter(options: Partial<WriterOptions> = {}): { folder: string; writer: SpoolWriter } {
  const folder = options.folder ?? join(givenFolder(), 'spool');
  const defaults = { fsync: false, segmentBytes: 1024 * 1024, limitBytes: 1024 * 1024 };
  return { folder, writer: new SpoolWriter({ folder, ...defaults, ...options }) };
}

/** Data of all records by writer. */
function dataIn(folder: string): string[][] {
  const start = { number: 0, offset: 0, seq: 0 };
  return [...segmentsByWriter(folder).values()].map((segments) =>
    readOn(segments, start, { events: 100_000, bytes: 100_000_000 }).records.flatMap(({ events }) =>
      events.map(([, data]) => data ?? ''),
    ),
  );
}

describe('spool/writer', () => {
  test.each([true, false])(
    'many at once, with fsync %s: all in the order of the calls, in several files',
    async (fsync) => {
      const { folder, writer } = givenWriter({ fsync, segmentBytes: 500 });
      const names = await Promise.all(
        Array.from({ length: 100 }, (_, n) => writer.append('q', [text(`${n}`)])),
      );
      await writer.close();
      expect(names.map((name) => name.split(':')[1])).toEqual(
        Array.from({ length: 100 }, (_, n) => `${n + 1}`),
      );
      expect(dataIn(folder)).toEqual([Array.from({ length: 100 }, (_, n) => `${n}`)]);
      expect(readdirSync(folder).filter((name) => name.endsWith('.log')).length).toBeGreaterThan(5);
    },
  );

  test('two writers have files of their own', async () => {
    const { folder, writer } = givenWriter();
    const { writer: other } = givenWriter({ folder });
    await Promise.all([writer.append('q', [text('a')]), other.append('q', [text('b')])]);
    expect(dataIn(folder).toSorted()).toEqual([['a'], ['b']]);
    expect(spoolStatus(folder)).toMatchObject({
      isCopy: false,
      spooler: undefined,
      writers: [
        { files: 1, delivered: 0, records: 1, events: 1 },
        { files: 1, delivered: 0, records: 1, events: 1 },
      ],
    });
  });

  test('a full spool takes nothing, says so, and takes events again once there is room', async () => {
    const { folder, writer } = givenWriter({ limitBytes: 300 });
    await writer.append('q', [text('x'.repeat(150))]);
    await expect(writer.append('q', [text('y'.repeat(150))])).rejects.toMatchObject({ code: 'spool-full' });
    await expect(writer.append('q', [text('z'.repeat(400))])).rejects.toMatchObject({
      code: 'spool',
      message: expect.stringContaining('never fits into the spool'),
    });
    await writer.append('q', [text('small')]);
    for (const [{ path } = { path: '' }] of segmentsByWriter(folder).values()) rmSync(path);
    await writer.append('q', [text('y'.repeat(150))]);
    expect(dataIn(folder)).toEqual([['y'.repeat(150)]]);
  });

  test('a record that no disk takes leaves nothing behind', () => {
    const script = `
      import { SpoolWriter } from '${new URL('../../../dist/spool/writer.js', import.meta.url).href}';
      process.on('SIGXFSZ', () => {});
      const writer = new SpoolWriter({ folder: process.argv[1], fsync: false, segmentBytes: 1e9, limitBytes: 1e9 });
      const append = (n, size) => writer.append('q', [['t', String(n).padStart(size, '0'), null, null, null, null]]);
      await append(1, 10);
      const full = await append(2, 100_000).catch((error) => error.code + ' ' + error.message);
      await append(3, 10);
      console.log(full);`;
    const folder = join(givenFolder(), 'spool');
    // A file of this shell and its children may have 64 kB.
    const { stdout, stderr } = spawnSync(
      'bash',
      ['-c', 'ulimit -f 64; exec "$0" --input-type=module -e "$1" "$2"', process.execPath, script, folder],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(stdout).toContain(
      `spool-full The disk of the spool ${folder} is full, and the event was not taken.`,
    );
    expect(dataIn(folder)).toEqual([['0000000001', '0000000003']]);
    expect(spoolStatus(folder)?.writers).toMatchObject([{ records: 2 }]);
  });

  test('what a disk that fails did not confirm is not confirmed, and the next event goes into another file', async () => {
    const { folder, writer } = givenWriter({ fsync: true, segmentBytes: 400 });
    const failing = (names: readonly (keyof typeof FAILING)[]) => {
      const before = names.map((name) => [name, fs[name]]);
      for (const name of names) Object.assign(fs, { [name]: FAILING[name] });
      syncBuiltinESMExports();
      return () => {
        Object.assign(fs, Object.fromEntries(before));
        syncBuiltinESMExports();
      };
    };
    const refused = {
      code: 'spool',
      message: expect.stringMatching(/^The disk of the spool \S+ failed \(EIO\)/),
    };
    await writer.append('q', [text('first')]);

    let heal = failing(['fdatasync']);
    await expect(writer.append('q', [text('in doubt')])).rejects.toMatchObject(refused);
    heal();
    await writer.append('q', [text('after it')]);
    expect([...segmentsByWriter(folder).values()].map((segments) => segments.length)).toEqual([2]);

    // The file is full, and left: only its last flush fails, while two wait for it.
    heal = failing(['fdatasyncSync']);
    const waiting = [1, 2].map((n) => writer.append('q', [text(`${n}`.repeat(150))]));
    const behind = writer.append('q', [text('3'.repeat(150))]);
    const results = await Promise.allSettled([...waiting, behind]);
    heal();
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(results[0]).toMatchObject({ reason: refused });

    heal = failing(['fsyncSync']);
    await expect(writer.append('q', [text('4'.repeat(300))])).rejects.toMatchObject({
      message: expect.stringContaining('the event was not taken'),
    });
    heal();
    await writer.append('q', [text('last')]);
    await writer.close();
    expect(dataIn(folder)).toEqual([
      ['first', 'in doubt', 'after it', ...[1, 2, 3].map((n) => `${n}`.repeat(150)), 'last'],
    ]);
  });

  test('a writer whose file was taken away begins another one, and what it writes then is there', async () => {
    const { folder, writer } = givenWriter();
    await writer.append('q', [text('a')]);
    const [{ path } = { path: '' }] = [...segmentsByWriter(folder).values()].flat();
    renameSync(path, path.replace(/\.log$/, '.retired'));
    // Read to its end, and deleted.
    rmSync(path.replace(/\.log$/, '.retired'));
    await writer.append('q', [text('b')]);
    await writer.append('q', [text('c')]);
    expect(dataIn(folder)).toEqual([['b', 'c']]);
  });

  test('a copy of the folder is noticed, and one that was moved is not; what is adopted is none any more', async () => {
    const { folder, writer } = givenWriter();
    await writer.append('q', [text('a')]);
    const copy = `${folder}-copy`;
    spawnSync('cp', ['-a', folder, copy]);
    expect(spoolIdentity(copy)).toEqual({ spool: spoolIdentity(folder)?.spool, isCopy: true });
    renameSync(folder, `${folder}-moved`);
    expect(openFolder(`${folder}-moved`).isCopy).toBe(false);
    adoptFolder(copy);
    expect(openFolder(copy)).toEqual({ spool: openFolder(`${folder}-moved`).spool, isCopy: false });
  });

  test('one spooler has the folder; the lock of one that is gone is taken', () => {
    const folder = join(givenFolder(), 'spool');
    openFolder(folder);
    const unlock = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(`Another spooler delivers ${folder}: process ${process.pid} on`);
    expect(lockHolder(folder)).toMatchObject({ pid: process.pid });
    unlock();
    expect(lockHolder(folder)).toBeUndefined();
    const { pid } = spawnSync('true');
    writeFileSync(join(folder, 'spooler.lock'), JSON.stringify({ pid, host: 'here', began: '1' }));
    lockFolder(folder)();
    expect(readdirSync(folder)).toEqual(['spool.json']);
  });
});
