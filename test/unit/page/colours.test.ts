// The colours of the maps can be told apart by eyes that see few colours or none, in light and in dark.
import { describe, expect, test } from 'vitest';
import { filesIn } from '../../support/pages/source-tree.ts';

type Rgb = readonly [number, number, number];

const text = filesIn('src/page/styles', 'colours.css')[0]?.text ?? '';
const [light = '', dark = ''] = text.split('@media (prefers-color-scheme: dark)');
const SCHEMES = [
  ['light', light],
  ['dark', dark],
] as const;

/** What is left of a colour where one kind of cones is missing (linear RGB), after Machado, Oliveira and Fernandes (2009). */
const EYES: Readonly<Record<string, readonly Rgb[]>> = {
  'all cones': [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  'no red': [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  'no green': [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  'no blue': [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const colour = (css: string, name: string): Rgb => {
  const hex = new RegExp(`--${name}: #([0-9a-f]{6})`).exec(css)?.[1] ?? 'no such colour';
  const part = (at: number) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [part(0), part(2), part(4)];
};

const seenBy = (rows: readonly Rgb[], [r, g, b]: Rgb): Rgb => {
  const [x = 0, y = 0, z = 0] = rows.map(([a, c, d]) => Math.min(1, Math.max(0, a * r + c * g + d * b)));
  return [x, y, z];
};

const lightness = ([r, g, b]: Rgb): number => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function contrast(one: Rgb, other: Rgb): number {
  const [low = 0, high = 0] = [lightness(one), lightness(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const steps = (css: string) => Array.from({ length: 8 }, (_, step) => colour(css, `a${step}`));

describe.each(SCHEMES)('in %s', (scheme, css) => {
  test.each(Object.entries(EYES))(
    'every step is clearly darker or lighter than the one before: %s',
    (_eyes, rows) => {
      const seen = steps(css).map((step) => seenBy(rows, step));
      const ratios = seen.slice(1).map((step, i) => {
        const before = seen[i] as Rgb;
        const goesOn =
          scheme === 'light' ? lightness(step) < lightness(before) : lightness(step) > lightness(before);
        return goesOn ? contrast(step, before) : 0;
      });
      expect(Math.min(...ratios)).toBeGreaterThan(1.15);
    },
  );

  test('what asks for attention differs most from the ground', () => {
    const surface = colour(css, 'surface');
    const [first, ...others] = steps(css).map((step) => contrast(step, surface));
    expect(first).toBeLessThan(2);
    expect(others.at(-1)).toBeGreaterThan(7);
  });

  test('a glyph can be seen on every step', () => {
    const isLight = scheme === 'light';
    for (const [step, at] of steps(css).map((one, i) => [one, i] as const)) {
      const onLight = isLight ? at <= 3 : at >= 3;
      expect(contrast(step, colour(css, onLight ? 'on-light' : 'on-dark'))).toBeGreaterThan(3);
    }
  });

  test.each([
    ['text', 7],
    ['muted', 4.5],
    ['accent', 4.5],
    ['broken', 4.5],
    ['risk', 4.5],
  ] as const)('%s can be read on every ground', (name, least) => {
    for (const ground of ['ground', 'surface', 'sunk'])
      expect(contrast(colour(css, name), colour(css, ground))).toBeGreaterThan(least);
  });
});
