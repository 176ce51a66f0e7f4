import { describe, expect, test } from 'vitest';
import { signChannel, signedChannels } from '../../../src/channels/signed.ts';

const KEY = 'a key of some length';

describe('channels/signed', () => {
  test('what is signed is read again with the same key, and says until when', () => {
    const before = Date.now();
    const token = signChannel(['order:1', 'größe "2"'], { key: KEY, for: '10m' });
    const signed = signedChannels(token, KEY);
    expect(signed?.channels).toEqual(['order:1', 'größe "2"']);
    expect(signed?.untilMs).toBeGreaterThanOrEqual(before + 600_000);
    expect(signed?.untilMs).toBeLessThanOrEqual(Date.now() + 600_000);
    // It goes into a URL as it stands.
    expect(encodeURIComponent(token)).toBe(token);
  });

  test('nothing else is believed', () => {
    const token = signChannel('order:1', { key: KEY });
    const [text = '', mac = ''] = token.split('.');
    const other = Buffer.from(JSON.stringify({ c: ['order:2'], u: Date.now() + 1e9 })).toString('base64url');
    const flipped = `${mac.startsWith('A') ? 'B' : 'A'}${mac.slice(1)}`;
    for (const wrong of [
      '',
      '.',
      text,
      `${other}.${mac}`,
      `${text}.${flipped}`,
      `${token}A`,
      `${text}.`,
      `.${mac}`,
    ])
      expect([wrong, signedChannels(wrong, KEY)]).toEqual([wrong, undefined]);
    expect(signedChannels(token, `${KEY}.`)).toBeUndefined();
    expect(signedChannels(token, KEY)).toBeDefined();
  });

  test('it ends', () => {
    expect(signedChannels(signChannel('order:1', { key: KEY, for: '0s' }), KEY)).toBeUndefined();
  });

  test('what cannot be signed is said', () => {
    const wrong: readonly [() => string, RegExp][] = [
      [() => signChannel([], { key: KEY }), /one channel, or up to 50/],
      [() => signChannel(Array(51).fill('a'), { key: KEY }), /up to 50/],
      [() => signChannel(undefined as never, { key: KEY }), /up to 50/],
      [() => signChannel(Array(50).fill('x'.repeat(200)), { key: KEY }), /too long together for one URL/],
      [() => signChannel('a', { key: KEY, for: 10 as never }), /`for` of `signChannel` needs a unit/],
      [() => signChannel('', { key: KEY }), /must be a text such as `order:42`/],
      [() => signChannel('a\nb', { key: KEY }), /control character/],
      [() => signChannel('x'.repeat(201), { key: KEY }), /longer than 200/],
      [() => signChannel('a', { key: '' }), /needs `key`/],
      [() => signChannel('a', undefined as never), /needs `key`/],
      [() => signChannel('a', { key: KEY, for: '10' }), /`for` of `signChannel` needs a unit/],
    ];
    for (const [sign, sentence] of wrong) expect(sign).toThrow(sentence);
  });
});
