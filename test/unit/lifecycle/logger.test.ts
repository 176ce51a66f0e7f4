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
  test.each(['machines', 'people'])('no secret is in a line for %s', (reader) => {
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

  test.each(['machines', 'people'])('a line for %s goes into a real stream as well', (reader) => {
    const stream = new PassThrough({ encoding: 'utf8' });
    newLogger('info', reader === 'people' ? forPeople(prettyFactory, stream) : stream).info('said');
    expect(stream.read()).toContain('said');
  });

  test.each(['machines', 'people'])('who says something to %s never fails by it', (reader) => {
    const broken = {
      write: () => {
        throw new Error('no terminal');
      },
    };
    const log = newLogger('info', reader === 'people' ? forPeople(prettyFactory, broken) : broken);
    log.fatal({ err: failure }, 'said');
    log.child({ slot: 'orders#1' }).info('said');
  });

  test('all loggers of all processes are made here', () => {
    const makers = filesIn('src', '.ts').filter(({ text }) => /\bpino\(/.test(text));
    expect(makers.map(({ path }) => path)).toEqual(['src/lifecycle/logger.ts']);
  });
});
