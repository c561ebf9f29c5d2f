# perl columns.pl FOLDER < TABLE: of a table of id, region and ml, in any order, FOLDER/ID.npy, the volumes of each id as float64, regions in the
# order of their names; a region that an id lacks has 0 ml.
use strict;
my ($folder, %ml, %regions) = @ARGV;
while (<STDIN>) {
	chomp;
	my ($id, $region, $ml) = split /\t/;
	$ml{$id}{$region} = $ml;
	$regions{$region} = 1;
}
my @regions = sort keys %regions;
for my $id (keys %ml) {
	my $head = "{'descr': '<f8', 'fortran_order': False, 'shape': (" . scalar(@regions) . ",), }";
	$head .= " " x (-(length($head) + 11) % 64) . "\n";
	open my $f, '>', "$folder/$id.npy" or die "columns.pl: $folder/$id.npy: $!\n";
	binmode $f;
	print $f "\x93NUMPY\1\0", pack("v", length $head), $head, pack("d<*", map { $ml{$id}{$_} // 0 } @regions);
	close $f or die "columns.pl: $folder/$id.npy: $!\n";
}
