import { describe, expect, test } from 'vitest';
import { sentenceFor } from '../../../src/errors/sentence.ts';
import { TributaryError } from '../../../src/errors/tributary-error.ts';

describe('errors/sentence', () => {
  test('an answer that does not come is told with whose it is', () => {
    const late = new TributaryError('No answer within 15 s.', { code: 'timeout', kind: 'retryable' });
    expect(sentenceFor(late, 'Shard app_017')).toBe('Shard app_017: no answer within 15 s.');
  });

  test('what says already what it is about is left as it is', () => {
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

  test('a central that an older version installed is told what to run', () => {
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
