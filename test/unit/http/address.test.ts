// Where something may be served without a token, and where not.
import { describe, expect, test } from 'vitest';
import { refusalOf, shownAddress } from '../../../src/http/server/address.ts';

const at = (host: string) => ({ host, port: 7717 });

describe('http/address', () => {
  test.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost', 'LOCALHOST'])('%s is this machine', (host) => {
    expect(refusalOf(at(host), undefined)).toBeUndefined();
  });

  test.each(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'db01', 'localhost.example.com', '::ffff:10.0.0.1'])(
    '%s is reached by others and needs a token',
    (host) => {
      expect(refusalOf(at(host), undefined)).toMatch(
        /^Nothing is served on \S+:7717 without a token, .*: give `http\.token` in the file, or listen on 127\.0\.0\.1\.$/,
      );
      expect(refusalOf(at(host), 'secret')).toBeUndefined();
    },
  );

  test('an address of version 6 stands in brackets', () => {
    expect(shownAddress(at('::1'))).toBe('[::1]:7717');
    expect(shownAddress(at('127.0.0.1'))).toBe('127.0.0.1:7717');
  });
});
