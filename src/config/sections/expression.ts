// Checks that an SQL expression of the file stays within the brackets that are put around it. Pure.

/** Quoted texts and names, dollar quotes; then what an expression must not have, and brackets. */
const PARTS =
  /[eE]'(?:[^'\\]|''|\\[\s\S])*'?|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|(\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)[\s\S]*?(?:\1|$)|--|\/\*|[;()[\]]|[\w$\u0080-\uffff]+/g;

const OPENS: Readonly<Record<string, string>> = { ')': '(', ']': '[' };

/** @returns why it does not, as the end of a sentence that begins with what it is; undefined: it does. */
export function whyUnfit(expression: string): string | undefined {
  const open: string[] = [];
  for (const [part, dollar] of expression.matchAll(PARTS)) {
    if (part === '--' || part === '/*')
      return `has a comment (\`${part}\`): write it in the file's own way, behind \`#\``;
    if (part === ';') return 'has a semicolon: it must be one SQL expression';
    if (part === '(' || part === '[') open.push(part);
    if ((part === ')' || part === ']') && open.pop() !== OPENS[part])
      return `closes a bracket (\`${part}\`) that it has not opened: balance its brackets`;
    if (!isClosed(part, dollar))
      return `does not end what it quotes with \`${dollar ?? part.replace(/^[eE](?=')/, '').charAt(0)}\`: close it`;
  }
  return open.length === 0
    ? undefined
    : `does not close a bracket (\`${open.at(-1)}\`): balance its brackets`;
}

function isClosed(part: string, dollar: string | undefined): boolean {
  if (dollar !== undefined) return part.length >= 2 * dollar.length && part.endsWith(dollar);
  const text = part.replace(/^[eE](?=')/, '');
  const quote = text.charAt(0);
  if (quote !== "'" && quote !== '"') return true;
  const inside = quote === "'" && text !== part ? text.slice(1).replace(/\\[\s\S]/g, '') : text.slice(1);
  // Doubled quotes stand for one: what is left over at the end closes it.
  return (inside.match(new RegExp(`${quote}+$`))?.[0].length ?? 0) % 2 === 1;
}
