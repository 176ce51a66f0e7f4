// Terminals that show nothing but ASCII (LC_ALL=C): how they are recognised, and how texts are spelled for them.

/** Characters that our own texts use; any other is replaced by its code. */
const SPELLED: Readonly<Record<string, string>> = { '…': '...', '→': '->', '·': '-', '—': '-' };

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is wanted.
const OTHERS = /[^\x00-\x7f]/g;
const SPELLED_ONES = new RegExp(`[${Object.keys(SPELLED).join('')}]`, 'g');

type Variables = Readonly<Record<string, string | undefined>>;

/** As setlocale(3) reads them: the first that is set counts. Nothing said means UTF-8, which nearly all terminals show. */
export function isAsciiOnly({ LC_ALL, LC_CTYPE, LANG }: Variables): boolean {
  const locale = [LC_ALL, LC_CTYPE, LANG].find((one) => one !== undefined && one !== '');
  return locale !== undefined && !/utf-?8/i.test(locale);
}

/** The same text in ASCII. */
export const asciiText = (text: string): string =>
  text.replace(SPELLED_ONES, (unit) => SPELLED[unit] ?? unit).replace(OTHERS, codeOf);

/** JSON of the same meaning in which no character is left that `asciiText` spells in another way. */
export const unspelledJson = (json: string): string => json.replace(SPELLED_ONES, codeOf);

const codeOf = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
