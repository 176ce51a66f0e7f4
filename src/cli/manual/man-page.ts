// The page for `man`, from the tree of commands: `npm run build` writes it, so it says what --help says.
import { asciiText } from '../../lifecycle/ascii.ts';
import { EXIT } from '../exit.ts';
import { allCommands, type TypedCommand } from './tree.ts';

const EXITS: Readonly<Record<keyof typeof EXIT, string>> = {
  done: 'Done.',
  failed: 'Failed.',
  wrong: 'Wrong usage of the command line, or a configuration with mistakes.',
  unhealthy: 'The command did its work, and found something that is not healthy.',
};

export interface ManPageOptions {
  readonly version: string;
  /** The folder of the documentation on the machine that makes the page, which is not the reader's. */
  readonly docs: string;
}

export function manPage(program: TypedCommand, { version, docs }: ManPageOptions): string {
  const notes = program.notes.replaceAll(docs, "in the folder docs of the program's package");
  return [
    '.\\" Made from the tree of commands by `npm run build`.',
    `.TH TRIBUTARY 1 "" "tributary ${version}" "Tributary"`,
    '.SH NAME',
    `tributary \\- ${text(lowered(program.description))}`,
    '.SH SYNOPSIS',
    `.B ${text(program.usage)}`,
    '.SH OPTIONS',
    ...optionsOf(program),
    '.SH COMMANDS',
    ...program.subcommands.flatMap(allCommands).flatMap(commandOf),
    '.SH EXIT STATUS',
    ...Object.entries(EXIT).flatMap(([name, code]) => item(String(code), EXITS[name as keyof typeof EXIT])),
    '.SH NOTES',
    ...asItIs(notes),
    '',
  ].join('\n');
}

function commandOf(command: TypedCommand): string[] {
  return [
    `.SS ${text(command.usage)}`,
    text(`${raised(command.description)}.`),
    ...command.arguments.flatMap(({ term, description }) => item(term, description)),
    ...optionsOf(command),
    ...(command.notes === '' ? [] : asItIs(command.notes)),
  ];
}

const optionsOf = ({ options }: TypedCommand): string[] =>
  options.flatMap(({ term, description }) => item(term, description));

const item = (term: string, description: string): string[] => ['.TP', `.B ${text(term)}`, text(description)];

const asItIs = (lines: string): string[] => ['.PP', '.nf', ...lines.split('\n').map(text), '.fi'];

/** Escapes text, so that roff reads no command in it. */
function text(words: string): string {
  const escaped = asciiText(words).replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('`', '\\(ga');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

const lowered = (words: string): string => words.charAt(0).toLowerCase() + words.slice(1).replace(/\.$/, '');
const raised = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
