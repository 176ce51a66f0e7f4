// Sizes as people write them.
const SIZES: readonly (readonly [string, number])[] = [
  ['TB', 2 ** 40],
  ['GB', 2 ** 30],
  ['MB', 2 ** 20],
  ['kB', 2 ** 10],
  ['B', 1],
];

/** The shortest text with one unit that `parseSize` reads back as `bytes`. */
export const formatSize = (bytes: number): string => {
  const [unit, factor] = SIZES.find(([, factor]) => bytes >= factor && bytes % factor === 0) ?? ['B', 1];
  return `${bytes / factor}${unit}`;
};
