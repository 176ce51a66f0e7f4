import { PassThrough } from 'node:stream';
import { prettyFactory } from 'pino-pretty';
import { describe, expect, test } from 'vitest';
import { forPeople, newLogger } from '../../../src/lifecycle/logger.ts';
import { filesIn } from '../../support/pages/source-tree.ts';

const SECRET = 'hunter2';

/** Like what libraries for HTTP throw. */
const failure = Object.assign(new Error('401'), {
  config: { headers: { Authorization: SECRET, authorization: SECRET, 'Set-Cookie': SECRET } },
  request: { auth: { password: SECRET } },
});

describe('lifecycle/logger', () => {
  test.each(['machines', 'people'])('a line for %s has no secret', (reader) => {
    let written = '';
    const lines = {
      write: (text: string) => {
        written += text;
      },
    };
    const log = newLogger('info', reader === 'people' ? forPeople(prettyFactory, lines) : lines);
    log.info(
      { password: SECRET, login: { token: SECRET, headers: { cookie: SECRET, Cookie: SECRET } } },
      'said',
    );
    log.child({ slot: 'orders#1' }).error({ err: failure, authorization: SECRET }, 'failed');
    expect(written).toContain('said');
    expect(written).toContain('orders#1');
    expect(written).toContain('***');
    expect(written).not.toContain(SECRET);
  });

  test.each(['machines', 'people'])('a line for %s can be written to a real stream', (reader) => {
    const stream = new PassThrough({ encoding: 'utf8' });
    newLogger('info', reader === 'people' ? forPeople(prettyFactory, stream) : stream).info('said');
    expect(stream.read()).toContain('said');
  });

  test.each(['machines', 'people'])('logging to %s never throws', (reader) => {
    const broken = {
      write: () => {
        throw new Error('no terminal');
      },
    };
    const log = newLogger('info', reader === 'people' ? forPeople(prettyFactory, broken) : broken);
    log.fatal({ err: failure }, 'said');
    log.child({ slot: 'orders#1' }).info('said');
  });

  test('a level is written as a word', () => {
    const stream = new PassThrough({ encoding: 'utf8' });
    newLogger('info', stream).warn('said');
    expect(JSON.parse(stream.read())).toMatchObject({ level: 'warn', msg: 'said' });
  });

  test('a line for people leaves out fields that its sentence has already', () => {
    const stream = new PassThrough({ encoding: 'utf8' });
    const log = newLogger('info', forPeople(prettyFactory, stream));
    log.info({ slot: 'orders#2', pid: 4711 }, 'orders#2 is ready');
    log.info({ events: 12_345, n: 3, batch: 1_000_000_000_000_001 }, 'handled 12,345 events in 3 batches');
    expect(stream.read()).not.toMatch(/[{}]/);
    log.info({ queue: 'orders', done: 2, shard: 'b' }, 'orders_old has 12 events, about 23 of ab');
    expect(stream.read()).toContain('{"queue":"orders","done":2,"shard":"b"}');
  });

  test('all loggers of all processes are made in one file', () => {
    const makers = filesIn('src', '.ts').filter(({ text }) => /\bpino\(/.test(text));
    expect(makers.map(({ path }) => path)).toEqual(['src/lifecycle/logger.ts']);
  });
});
