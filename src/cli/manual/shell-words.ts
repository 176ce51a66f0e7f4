// The commands as completion scripts of all shells need them.
import { allCommands, type TypedCommand, type TypedOption } from './tree.ts';

export interface ShellCommand {
  /** `dead list`; empty for the program itself. */
  readonly chain: string;
  /** Its subcommands, or the choices of its first argument. */
  readonly words: readonly { readonly name: string; readonly description: string }[];
  /** Its options and those of the program, which may follow a command. */
  readonly options: readonly TypedOption[];
  /** Its first argument is a folder. */
  readonly takesFolder: boolean;
}

export function shellCommands(program: TypedCommand): ShellCommand[] {
  // Help and version are the program's too, and each command has help of its own.
  const everywhere = program.options.filter(({ value }) => value !== undefined);
  return allCommands(program).map((command) => ({
    chain: command.words.join(' '),
    words: [
      ...command.subcommands.map(({ words, description }) => ({ name: words.at(-1) ?? '', description })),
      ...(command.arguments[0]?.choices ?? []).map((name) => ({ name, description: '' })),
    ],
    options: command === program ? command.options : [...command.options, ...everywhere],
    takesFolder: command.arguments[0]?.name === 'dir',
  }));
}

/** Whether a value names a file. */
export const isFile = ({ value }: TypedOption): boolean => value?.name === 'file';
