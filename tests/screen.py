"""screen.py COLUMNS COMMAND: what a terminal of this width shows in the end of a bash command's output, line by line."""
import fcntl
import os
import pty
import re
import struct
import sys
import termios

columns = int(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    os.execvp('bash', ['bash', '-c', 'sleep .1; ' + sys.argv[2]])
data = b''
while True:
    try:
        b = os.read(fd, 65536)
    except OSError:
        break
    if not b:
        break
    data += b
os.waitpid(pid, 0)
rows, row, column = [[]], 0, 0
for part in re.findall(r'\x1b\[K|.', data.decode(), re.S):
    if part == '\x1b[K':
        del rows[row][column:]
    elif part == '\r':
        column = 0
    elif part == '\n':
        row += 1
        if row == len(rows):
            rows.append([])
    else:
        if column == columns:  # the next row
            row, column = row + 1, 0
            if row == len(rows):
                rows.append([])
        rows[row][column:column + 1] = [' '] * (column - len(rows[row])) + [part]
        column += 1
print('\n'.join(''.join(r).rstrip() for r in rows))
sys.stderr.write('%d progress lines\n' % len(re.findall(rb'\x1b\[K\r(?!\n)', data)))
