import { describe, expect, test } from 'vitest';
import { sentenceFor } from '../../../src/errors/sentence.ts';
import { kindOf } from '../../../src/errors/sqlstate.ts';
import { TributaryError } from '../../../src/errors/tributary-error.ts';

describe('errors/sentence', () => {
  test('a missing answer is reported with the database that it was expected from', () => {
    const late = new TributaryError('No answer within 15 s.', { code: 'timeout', kind: 'retryable' });
    expect(sentenceFor(late, 'Shard app_017')).toBe('Shard app_017: no answer within 15 s.');
  });

  test('a message that already names its subject stays as it is', () => {
    const halted = new TributaryError('Queue orders does not exist on shard app_017.', {
      code: 'queue-missing',
      kind: 'halting',
    });
    expect(sentenceFor(halted, 'Shard app_017')).toBe('Queue orders does not exist on shard app_017.');
  });

  test('a refused connection names the shard and what to check', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.9:5432'), { code: 'ECONNREFUSED' });
    expect(sentenceFor(refused, 'Shard app_017')).toBe(
      'Shard app_017 refuses connections: is the server running, and are host and port right?',
    );
  });

  test.each([
    [{ code: 'ECONNREFUSED', address: '10.0.0.9', port: 5432 }, '10.0.0.9:5432'],
    [{ code: 'ECONNREFUSED', address: '::1', port: 5432 }, '[::1]:5432'],
    [{ code: 'ENOENT', syscall: 'connect', address: '/run/pg/.s.PGSQL.5432' }, '/run/pg/.s.PGSQL.5432'],
  ])('the message names the address where no server listens: %o', (error, where) => {
    const refused = Object.assign(new Error('connect'), error);
    expect(sentenceFor(refused, 'Central')).toBe(
      `Central refuses connections at ${where}: is the server running, and are host and port right?`,
    );
    expect(sentenceFor(refused, `Central (${where}/shop)`)).not.toContain(' at ');
    expect(kindOf(refused)).toBe('retryable');
  });

  // The driver's own errors have no code.
  test.each([
    'timeout expired',
    'Connection terminated unexpectedly',
    'timeout exceeded when trying to connect',
  ])('what only the driver’s words tell is tried again: %s', (words) => {
    expect(kindOf(new Error(words))).toBe('retryable');
    expect(sentenceFor(new Error(words), 'Central')).toMatch(
      /^Central (does not answer: check the network|lost its connection\.)/,
    );
  });

  test('of a name with several addresses one is shown', () => {
    const one = (address: string) => Object.assign(new Error(), { code: 'ECONNREFUSED', address, port: 1 });
    const all = new AggregateError([one('::1'), one('127.0.0.1')]);
    expect(sentenceFor(all, 'Central')).toContain('refuses connections at [::1]:1:');
  });

  test('for a central of an older version the message says what to run', () => {
    const missing = Object.assign(
      new Error('function tributary.begin_commit(unknown, unknown) does not exist'),
      {
        code: '42883',
      },
    );
    expect(sentenceFor(missing, 'Central')).toBe(
      'Central: function tributary.begin_commit(unknown, unknown) does not exist: run `tributary install`, which brings central up to this version.',
    );
  });
});
