// What `npm run build` makes of the dashboard: small, nothing inline, nothing from elsewhere.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';

const MOST_BYTES = 250 * 1_024;
const root = packagePath('dist', 'page');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => statSync(`${root}/${name}`).isFile())
  .map((name) => ({ name: name.replaceAll('\\', '/'), text: readFileSync(`${root}/${name}`, 'utf8') }));
const page = files.find(({ name }) => name === 'index.html')?.text ?? '';

describe('the built page', () => {
  test('is small', () => {
    const bytes = files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  });

  test('has hashed names for all that is not asked for by name', () => {
    const names = files.map(({ name }) => name.replace(/-[\w-]{8}\./, '-HASH.')).sort();
    expect(names.filter((name) => !name.includes('-HASH.'))).toEqual(['index.html', 'licenses.txt']);
    expect(names.some((name) => /^assets\/.*-HASH\.js$/.test(name))).toBe(true);
    expect(names.some((name) => /^assets\/.*-HASH\.css$/.test(name))).toBe(true);
  });

  test('has neither script nor style inline', () => {
    expect(page).toContain('<script type="module"');
    expect(page.match(/<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=/gi)).toBeNull();
  });

  test('names files relative to itself, so that it works below any path', () => {
    const addresses = [...page.matchAll(/\s(?:src|href)="([^"]*)"/g)].map(([, address]) => address);
    expect(addresses.length).toBeGreaterThan(2);
    expect(addresses.filter((address) => !address?.startsWith('./assets/'))).toEqual([]);
  });

  test('asks nobody else', () => {
    // Names of XML, and where the license of a package is to be read.
    const known = /^https?:\/\/(www\.w3\.org\/(2000\/svg|1999\/xhtml|1998\/Math\/MathML|1999\/xlink))$/;
    const others = files
      .filter(({ name }) => name !== 'licenses.txt')
      .flatMap(({ text }) => text.match(/(?:https?:)?\/\/[a-z][\w.-]+\.[a-z]{2,}[\w./-]*/gi) ?? [])
      .filter((address) => !known.test(address));
    expect(others).toEqual([]);
  });
});
