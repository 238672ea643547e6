"""The report: tables, figures and files made from the results of a run."""
