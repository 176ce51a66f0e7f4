import { describe, expect, test } from 'vitest';
import { signChannel } from '../../../../src/channels/signed.ts';
import { isAllowedOrigin, type LiveQuery, listeningOf } from '../../../../src/http/live/listener.ts';

const KEY = 'a key of some length';
const ask = (
  query: LiveQuery,
  { key = undefined as string | undefined, headers = {}, verdict = 'refused' as const } = {},
) => listeningOf(query, headers, { key, verdict: () => verdict });

describe('http/live/listener', () => {
  test('without a key every channel is open', () => {
    expect(ask({ channel: 'a' })).toEqual({ channels: ['a'], lastEventId: undefined });
    expect(ask({ channel: ['a', 'b', 'a'] })).toMatchObject({ channels: ['a', 'b'] });
  });

  test('a place comes by the header of the browser, or by the URL', () => {
    expect(ask({ channel: 'a', last_event_id: '1.a' })).toMatchObject({ lastEventId: '1.a' });
    expect(
      ask({ channel: 'a', last_event_id: '1.a' }, { headers: { 'last-event-id': '2.b' } }),
    ).toMatchObject({
      lastEventId: '2.b',
    });
  });

  test('a page that has no place yet begins with what comes', () => {
    const headers = { 'last-event-id': '' };
    expect(ask({ channel: 'a', last_event_id: '' }, { headers })).toEqual({
      channels: ['a'],
      lastEventId: undefined,
    });
  });

  test('a request that makes no sense is told what would', () => {
    expect(ask({})).toEqual({ status: 400, sentence: expect.stringContaining('/live?channel=NAME') });
    expect(ask({ channel: '' })).toMatchObject({ status: 400 });
    expect(ask({ channels: 'a' })).toMatchObject({
      status: 400,
      sentence: expect.stringContaining('`channels`'),
    });
    expect(ask({ channel: Array.from({ length: 51 }, (_, at) => String(at)) })).toMatchObject({
      status: 400,
    });
  });

  test('with a key only what was signed is open, until the first token is over', () => {
    const [one, two] = [
      signChannel('a', { key: KEY, for: '1m' }),
      signChannel(['b', 'c'], { key: KEY, for: '1h' }),
    ];
    const found = ask({ channel: ['a', 'b'], token: [one, two] }, { key: KEY });
    expect(found).toMatchObject({ channels: ['a', 'b'] });
    expect((found as { untilMs: number }).untilMs).toBeLessThan(Date.now() + 61_000);
    expect(ask({ channel: 'b' }, { key: KEY, headers: { authorization: `Bearer ${two}` } })).toMatchObject({
      channels: ['b'],
    });
    expect(ask({ channel: ['a', 'd'], token: one }, { key: KEY })).toEqual({
      status: 403,
      sentence: 'The token is not for channel `d`, or it is over.',
    });
    expect(
      ask({ channel: 'a', token: signChannel('a', { key: KEY, for: '0s' }) }, { key: KEY }),
    ).toMatchObject({
      status: 403,
    });
    expect(
      ask({ channel: 'a', token: signChannel('a', { key: 'another one' }) }, { key: KEY }),
    ).toMatchObject({
      status: 403,
    });
    expect(ask({ channel: 'a' }, { key: KEY })).toMatchObject({ status: 401 });
  });

  test('somebody who shows the token of the server may listen to everything, and guesses are counted', () => {
    expect(ask({ channel: 'a' }, { key: KEY, verdict: 'allowed' as never })).toEqual({
      channels: ['a'],
      lastEventId: undefined,
    });
    expect(ask({ channel: 'a' }, { key: KEY, verdict: 'too-many' as never })).toMatchObject({ status: 429 });
  });

  test('no sentence shows a token', () => {
    const token = signChannel('a', { key: KEY });
    for (const query of [{ channel: 'b', token }, { token }, { channel: 'a', [token]: '1' }])
      expect(JSON.stringify(ask(query as LiveQuery, { key: KEY })).includes(token)).toBe(false);
  });

  test('a page of another site is allowed where the file names it', () => {
    const origins = ['https://shop.example.com'];
    expect(isAllowedOrigin({ host: 'a:1' }, origins)).toBeUndefined();
    expect(isAllowedOrigin({ host: 'a:1', origin: 'http://a:1' }, origins)).toBeUndefined();
    expect(
      isAllowedOrigin({ host: 'b', 'x-forwarded-host': 'a', origin: 'https://a' }, origins),
    ).toBeUndefined();
    expect(isAllowedOrigin({ host: 'a', origin: 'https://shop.example.com' }, origins)).toBe(true);
    for (const origin of ['https://shop.example.com.evil.org', 'http://shop.example.com', 'null', ''])
      expect([origin, isAllowedOrigin({ host: 'a', origin }, origins)]).toEqual([origin, false]);
  });
});
