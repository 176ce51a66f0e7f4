// The pages of the documentation, and the paths, links and commands that they name.
import { existsSync, readFileSync } from 'node:fs';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { filesIn } from './source-tree.ts';

export interface Document {
  /** From the package's root. */
  readonly path: string;
  readonly text: string;
  /** Targets of relative links. */
  readonly links: readonly string[];
  /** Anchors of its headings. */
  readonly headings: readonly string[];
}

const TOP = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'src/README.md', 'src/coordination/README.md'],
  ...['sql/pgq/README.md', 'sql/tributary/functions/README.md'],
];

export function documents(): Document[] {
  const paths = [
    ...TOP.filter((path) => existsSync(packagePath(path))),
    ...filesIn('docs', '.md').map(({ path }) => path),
  ];
  return paths.map((path) => {
    const text = readFileSync(packagePath(path), 'utf8');
    return { path, text, links: linksIn(text), headings: headingsIn(text) };
  });
}

/** Code spans that are paths of ours: they end in a slash or in a suffix that our files have. */
export function namedPaths(text: string): string[] {
  const spans = [...withoutBlocks(text).matchAll(/`([^`\s]+)`/g)].map(([, span = '']) => span);
  return spans.filter(
    (span) =>
      /^[\w.-]+(\/[\w.-]+)*(\/|\.(ts|sql|md))$/.test(span) &&
      (span.includes('/') || /^[A-Z]+\.md$/.test(span)) &&
      !span.startsWith('./'),
  );
}

export interface NamedCommand {
  readonly command: string;
  readonly options: readonly string[];
}

/** `tributary COMMAND --option` wherever it stands (the commands of `dead`, `delayed` and `schedule` have two words): in code spans and in blocks of shell commands. */
export function namedCommands(text: string): NamedCommand[] {
  const spans = [...withoutBlocks(text).matchAll(/`([^`]+)`/g)].map(([, span = '']) => span);
  const blocks = [...text.matchAll(/^```(?:sh|bash|console)[^\n]*\n([\s\S]*?)^```/gm)].map(
    ([, block = '']) => block,
  );
  const lines = [...spans, ...blocks.flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))];
  return lines.flatMap((line) =>
    [
      ...line.matchAll(
        /\btributary(?: -c \S+)? ((?:(?:dead|delayed|schedule|shard|queue|group) )?[a-z][a-z-]*)([^|;&#>]*)/g,
      ),
    ].map(([, command = '', rest = '']) => ({
      command,
      options: [...rest.matchAll(/(?:^|[\s[|])(--[a-z][a-z-]*)/g)].map(([, option = '']) => option),
    })),
  );
}

const withoutBlocks = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '');

const linksIn = (text: string): string[] =>
  [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));

/** Anchors as GitHub makes them. */
const headingsIn = (text: string): string[] =>
  [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
