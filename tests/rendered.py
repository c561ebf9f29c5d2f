"""rendered.py PAGE...: for each page in mdoc, the words of its source that are not to be read in what groff and mandoc make of it, as
often as they stand there. Exit 1 when there are any."""
import re
import subprocess
import sys
from collections import Counter

MACROS = set('''Dd Dt Os Sh Ss Pp Bl El It Bd Ed Nm Nd Op Oo Oc Fl Ar Cm Li Em Sy Pa Ev Xr Sx Dl D1 Ql Qq Dq Sq Pq Po Pc Ns No Ta Ic Va Vt Fn Fa
    Rs Re %A %T %J %D %O %V %N %P %R %U %B %C %I %Q Lk Mt An Aq Ao Ac Bq Bo Bc Brq Bro Brc Dq Do Dc Eo Ec Xo Xc Ap Pf Sm Bk Ek Er Dv Ms Tn Ux
    Nx Rv Ex Bx At St Lb In Ft Fo Fc Fd Db Bf Ef Sc So Qc Qo Ad Hf Es En'''.split())


def words(text):
    return re.findall(r'[A-Za-z0-9]+', text)


def source_words(path):
    name = ''
    for line in open(path, encoding='utf-8'):
        line = line.rstrip('\n')
        if line.startswith('.\\"') or line in ('.', ''):
            continue
        line = re.sub(r'\\\(..|\\\[[^]]*\]', '^', line)  # a character by its name
        line = line.replace('\\&', '').replace('\\e', ' ').replace('\\-', '-')
        if not line.startswith('.'):
            yield from words(line)
            continue
        args = re.findall(r'"[^"]*"|\S+', line[1:])
        if args[0] in ('Dd', 'Dt', 'Os', 'Bl', 'Bd', 'El', 'Ed', 'Re', 'Rs', 'Bk', 'Ek', 'Sm'):
            continue  # set the page's head, lists, displays
        if args[0] == 'Nm' and len(args) > 1:
            name = args[1]
        if args[0] == 'Nm' and len(args) == 1:
            args.append(name)
        text = ' '.join(a for a in args if a not in MACROS or a == 'Ns')
        yield from words(re.sub(r' ?\bNs\b ?', '', text))


def rendered_words(command, path):
    done = subprocess.run(command + [path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode or done.stderr:
        print('%s: %s: status %d: %s' % (path, command[0], done.returncode, done.stderr.decode().strip()))
    text = done.stdout.decode()
    text = re.sub('\x1b\\[[0-9;]*m', '', text)
    text = re.sub('.\b', '', text)
    return words(text)


bad = False
for path in sys.argv[1:]:
    want = list(source_words(path))
    if len(want) < 50:
        print('%s: only %d words were found in it' % (path, len(want)))
        bad = True
    for command in (['groff', '-mdoc', '-Tutf8', '-rLL=9000n', '-P-c'], ['mandoc', '-Tutf8', '-Owidth=400']):
        gone = Counter(want) - Counter(rendered_words(command, path))
        if gone:
            print('%s: %s: gone: %s' % (path, command[0], ' '.join(gone.elements())[:120]))
            bad = True
sys.exit(bad)
