# The data dictionary (BIDS: a JSON object beside a table) of TARGET-predictions.tsv, from the table's first line, read with jq -R.
# $target: the column that was predicted; $positive: the value that was told from others, "" in a regression.
def told:
	if $positive == "" then "\($target), in the unit of the table of labels" else "1 where \($target) is \($positive), else 0" end;
{
	id: { Description: "Name of the scan" },
	participant_id: { Description: "Who was scanned" },
	session_id: { Description: "The session, n/a where a scan names none" },
	repeat: { Description: "Which draw of the folds this row is of, counted from 1" },
	fold: { Description: "The fold that the participant was in: the prediction is by a probe fitted on the other folds" },
	label: { Description: "What the table of labels says: \(told)" },
	value: { Description: "Prediction of \($target), in the unit of the table of labels" },
	probability: { Description: "Predicted probability that \($target) is \($positive)" }
} as $known
| split("\t") | map({ (.): ($known[.] // error("\(.): a column without a description")) }) | add
