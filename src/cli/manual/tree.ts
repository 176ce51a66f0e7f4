// Commands, options and arguments, read from the tree of commands: the only source of the completion scripts and the man page.
import type { Argument, Command, Help, Option } from 'commander';

export interface TypedOption {
  /** `-c` and `--config`; some options have only one of them. */
  readonly flags: readonly string[];
  /** `--config <file>` and the like, as help shows it. */
  readonly term: string;
  readonly description: string;
  /** Undefined: it is a switch. */
  readonly value: TypedValue | undefined;
}

export interface TypedValue {
  /** `file`, `duration` … */
  readonly name: string;
  /** Empty: anything. */
  readonly choices: readonly string[];
}

export interface TypedCommand {
  /** None for the program itself, two for `dead list`. */
  readonly words: readonly string[];
  readonly usage: string;
  readonly description: string;
  readonly subcommands: readonly TypedCommand[];
  readonly options: readonly TypedOption[];
  readonly arguments: readonly (TypedValue & { readonly term: string; readonly description: string })[];
  /** The text that help shows below the lists. */
  readonly notes: string;
}

/** @param program with all its commands. */
export function treeOf(program: Command, words: readonly string[] = []): TypedCommand {
  const help = program.createHelp();
  return {
    words,
    usage: help.commandUsage(program),
    description: help.commandDescription(program),
    subcommands: help
      .visibleCommands(program)
      // Without commander's own `help`, which shows the same as --help.
      .filter((command) => program.commands.includes(command))
      .map((command) => treeOf(command, [...words, command.name()])),
    options: help.visibleOptions(program).map((option) => typedOption(option, help)),
    arguments: help.visibleArguments(program).map((argument) => typedArgument(argument, help)),
    notes: notesOf(program),
  };
}

/** The command and all below it, each before its own. */
export const allCommands = (command: TypedCommand): readonly TypedCommand[] => [
  command,
  ...command.subcommands.flatMap(allCommands),
];

const typedOption = (option: Option, help: Help): TypedOption => ({
  flags: [option.short, option.long].filter((flag) => flag !== undefined),
  term: help.optionTerm(option),
  description: help.optionDescription(option),
  value:
    option.required || option.optional
      ? { name: /[<[]([^>\].]+)/.exec(option.flags)?.[1] ?? 'value', choices: option.argChoices ?? [] }
      : undefined,
});

const typedArgument = (argument: Argument, help: Help) => ({
  name: argument.name(),
  term: help.argumentTerm(argument),
  description: help.argumentDescription(argument),
  choices: argument.argChoices ?? [],
});

/** Texts of `addHelpText('after')`, which commander gives only when it shows help. */
function notesOf(command: Command): string {
  const written: string[] = [];
  const own = command.configureOutput();
  command.configureOutput({ ...own, writeOut: (text) => void written.push(text) });
  command.outputHelp();
  command.configureOutput(own);
  return written.join('').split(command.helpInformation()).at(-1)?.trim() ?? '';
}
