// tributary completion: the script that completes our commands and options in a shell, made from the commands themselves.
import { Argument, type Command } from 'commander';
import type { CliContext } from '../context.ts';
import { bashScript } from '../manual/bash.ts';
import { fishScript } from '../manual/fish.ts';
import { type ShellCommand, shellCommands } from '../manual/shell-words.ts';
import { treeOf } from '../manual/tree.ts';
import { zshScript } from '../manual/zsh.ts';

const SCRIPTS: Readonly<Record<string, (commands: readonly ShellCommand[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

const HOW_TO = `
To have it in every shell from now on:
  bash  tributary completion bash > ~/.local/share/bash-completion/completions/tributary
  zsh   tributary completion zsh > ~/.zsh/_tributary     (a folder of fpath)
  fish  tributary completion fish > ~/.config/fish/completions/tributary.fish`;

export function register(program: Command, context: CliContext): void {
  program
    .command('completion')
    .description('prints the script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'whose script').choices(Object.keys(SCRIPTS)))
    .addHelpText('after', HOW_TO)
    .action((shell: string) => {
      context.verbatim.write(SCRIPTS[shell]?.(shellCommands(treeOf(program))) ?? '');
    });
}
