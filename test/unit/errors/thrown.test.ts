import { describe, expect, test } from 'vitest';
import { sentenceFor } from '../../../src/errors/sentence.ts';
import { networkCodeOf, sqlstateOf } from '../../../src/errors/sqlstate.ts';
import { describeThrown } from '../../../src/errors/thrown.ts';
import { ODD_ERRORS } from '../../support/workers/odd-errors.ts';

describe('errors/thrown', () => {
  test.each(Object.entries(ODD_ERRORS))('%s gives a message, and nothing is thrown', (_name, make) => {
    const { message, stack, sqlstate } = describeThrown(make(), 'The handler');
    expect(message).toEqual(expect.stringMatching(/./s));
    expect(['string', 'undefined']).toContain(typeof stack);
    expect(['string', 'undefined']).toContain(typeof sqlstate);
    expect(sentenceFor(make(), 'Central')).toMatch(/^Central/);
    expect([sqlstateOf(make()), networkCodeOf(make())]).not.toContain(null);
  });

  test('an error gives its message, any other value what it is', () => {
    const said = (error: unknown) => describeThrown(error, 'The handler').message;
    expect(said(new Error('no stock'))).toBe('no stock');
    expect(said(new RangeError(''))).toBe('RangeError');
    expect(said('no')).toBe('The handler threw no.');
    expect(said(undefined)).toBe('The handler threw undefined.');
    expect(said(Object.create(null))).toBe('The handler threw [Object: null prototype] {}.');
    expect(said(Object.assign(new Error(), { message: { code: 1 } }))).toBe('{ code: 1 }');
    expect(describeThrown(Object.assign(new Error('x'), { code: '23505' }), '').sqlstate).toBe('23505');
  });
});
