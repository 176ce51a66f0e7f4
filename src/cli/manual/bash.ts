// The completion script for bash, also for the version of 2007 that macOS has.
import { quoted } from '../../errors/shell-word.ts';
import { isFile, type ShellCommand } from './shell-words.ts';

export function bashScript(commands: readonly ShellCommand[]): string {
  const taking = commands.flatMap(({ chain, options }) =>
    options
      .filter(({ value }) => value !== undefined)
      .flatMap((option) => option.flags.map((flag) => ({ at: quoted(`${chain} ${flag}`), option }))),
  );
  const chains = commands.filter(({ chain }) => chain !== '').map(({ chain }) => quoted(atTop(chain)));
  const values = taking
    .filter(({ option }) => isFile(option) || (option.value?.choices.length ?? 0) > 0)
    .map(
      ({ at, option }) =>
        `    ${at}) ${isFile(option) ? repliesIn('-f') : repliesOf(option.value?.choices ?? [])} ;;`,
    );
  return `# Completion of tributary for bash, made by \`tributary completion bash\`.
_tributary() {
  local word=\${COMP_WORDS[COMP_CWORD]} chain='' at last=''
  # What compgen answers has a word in each line.
  local IFS=$'\\n'
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    last=''
    case "$chain \${COMP_WORDS[at]}" in
    ${taking.map(({ at }) => at).join(' | ')})
      last="$chain \${COMP_WORDS[at]}"
      at=$((at + 1))
      ;;
    ${chains.join(' | ')})
      chain="\${chain:+$chain }\${COMP_WORDS[at]}"
      ;;
    esac
  done
  if [[ -n $last && $at -gt $COMP_CWORD ]]; then
    case "$last" in
${values.join('\n')}
    esac
    return
  fi
  case "$chain" in
${commands.map(wordsOf).join('\n')}
  esac
}
complete -o filenames -F _tributary tributary
`;
}

function wordsOf({ chain, words, options, takesFolder }: ShellCommand): string {
  const names = words.map(({ name }) => name);
  const flags = options.flatMap((option) => option.flags);
  return `  ${quoted(chain)})
    if [[ $word == -* ]]; then ${repliesOf(flags)}
    else ${takesFolder ? repliesIn('-d') : repliesOf(names)}; fi
    ;;`;
}

const repliesIn = (where: '-d' | '-f'): string => `COMPREPLY=($(compgen ${where} -- "$word"))`;

const repliesOf = (words: readonly string[]): string =>
  words.length === 0
    ? 'COMPREPLY=()'
    : `COMPREPLY=($(IFS=' '; compgen -W ${quoted(words.join(' '))} -- "$word"))`;

/** As the loop sees a command's last word: with what is before it. */
const atTop = (chain: string): string => (chain.includes(' ') ? chain : ` ${chain}`);
