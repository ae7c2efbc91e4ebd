"""Spouts: pipelines without inputs, whose command keeps running and whose closed files become commits.

    taking.py   which files of /pfs/out are complete, and how they become a commit; the crash table is there
    keeper.py   one spout's command: kept running, its output taken again and again
    spouts.py   makes what runs equal to the ledger
    record.py   what is known of each, for those who look

What the command does is this, and nothing else:

    write /pfs/out/anything, and close it             a commit, once it has been quiet for a second, ten at most
    echo "why" > /pfs/out/.commit                     a commit at once, of what is closed, with that message; the file
                                                      is gone when the commit has been made
    write /pfs/out/.anything                          nothing: names that begin with a dot are not taken, so that a
                                                      file (or a whole directory) can be made under one and renamed

Files are moved out of /pfs/out as they are taken, and replace those of the same name in the commit before. The
command is started again when it ends, after pauses of 1, 2, 4, … 60 seconds. Nothing that was closed is lost, whoever
dies, as long as its pipeline is there; once `pfs pipeline delete` has returned, nothing of it becomes a commit any
more, also under another pipeline of its name. `python -m pfsfuse.testing.spouts` kills daemons, workers and commands in
a loop, and looks.
"""
