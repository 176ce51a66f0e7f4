// The completion script for fish.
import { quoted as quotedForAll } from '../../errors/shell-word.ts';
import { isFile, type ShellCommand } from './shell-words.ts';
import type { TypedOption } from './tree.ts';

export function fishScript(commands: readonly ShellCommand[]): string {
  const taking = commands.flatMap(({ chain, options }) =>
    options
      .filter(({ value }) => value !== undefined)
      .flatMap(({ flags }) => flags.map((flag) => quoted(`${chain} ${flag}`))),
  );
  const chains = commands
    .filter(({ chain }) => chain !== '')
    .map(({ chain }) => quoted(chain.includes(' ') ? chain : ` ${chain}`));
  return `# Completion of tributary for fish, made by \`tributary completion fish\`.
function __tributary_at --description 'Whether these words are the command that is being typed'
    set --local chain ''
    set --local skip 0
    for word in (commandline --tokens-expanded --cut-at-cursor --current-process 2>/dev/null; or commandline -opc)[2..]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$chain $word"
            case ${taking.join(' ')}
                set skip 1
            case ${chains.join(' ')}
                set chain (string trim -- "$chain $word")
        end
    end
    test "$chain" = "$argv[1]"
end
complete -c tributary -f
${commands.flatMap(linesOf).join('\n')}
`;
}

function linesOf({ chain, words, options, takesFolder }: ShellCommand): string[] {
  const at = `complete -c tributary -n ${quoted(`__tributary_at ${quoted(chain)}`)}`;
  return [
    ...words.map(({ name, description }) => `${at} -a ${quoted(name)} -d ${quoted(description)}`),
    ...options.map((option) => `${at} ${flagsOf(option)} -d ${quoted(option.description)}`),
    ...(takesFolder ? [`${at} -a '(__fish_complete_directories)'`] : []),
  ];
}

function flagsOf(option: TypedOption): string {
  const flags = option.flags.map((flag) =>
    flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
  );
  const { value } = option;
  if (value === undefined) return flags.join(' ');
  if (isFile(option)) return [...flags, '-r -F'].join(' ');
  const choices = value.choices.length === 0 ? '' : ` -a ${quoted(value.choices.join(' '))}`;
  return `${flags.join(' ')} -x${choices}`;
}

/** fish reads a backslash in quotes. */
const quoted = (text: string): string =>
  text.includes("'") || text.includes('\\')
    ? `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
    : quotedForAll(text);
