"""`lepton check [-m] [group=option ...] [key=value ...]`: says what would run, and where.

Composes and checks the config as `lepton train` does, with its words and flags, reads the data and
builds the models of what is to be trained, each pair of them once, and writes nothing. Files above
1 GB are not read, and nothing is fetched.
With the name of a command that makes runs of others it says of which, and what it would be called.

  -m, --multirun        a sweep: every combination of several values

examples:
  lepton check -m dataset=wine model=mlp,resnet seed='range(5)'
  lepton check ensemble runs=first method=greedy
"""

from lepton.commands.flags import only_for_train, parse_arguments
from lepton.config.commands import command_roots
from lepton.foreign_text import say


def main(arguments: list[str]) -> int:
    """Prints the plan for the overrides, or of which runs a command would make another."""
    if arguments and arguments[0] in command_roots():
        from lepton.commands import derive

        return derive.main(arguments[0], arguments[1:], check=True)
    parsed = parse_arguments(arguments)
    if parsed.hydra_flags:
        raise only_for_train(parsed.hydra_flags[0])
    from lepton.sweep.evaluation import lacks_evaluations
    from lepton.sweep.impossible import look_at_plan
    from lepton.sweep.multirun import plan_runs
    from lepton.sweep.preflight import look_at_trainer

    plan = plan_runs(parsed.overrides, sweep=parsed.multirun)
    plan, opening = look_at_plan(plan, own_code=True)
    if not parsed.multirun:
        look_at_trainer(plan.jobs[0].config)
        for line in opening:
            say(line)
    say(plan)
    to_do = {job.folder for job in plan.to_do}
    for job, status in zip(plan.jobs, plan.statuses, strict=True):
        if job.folder in to_do and status != "running":
            status = "to train"
        elif lacks_evaluations(job):
            status = "to evaluate"
        say(f"  {status:8}  {job.folder}  {job}".rstrip())
    for line in parsed.notes:
        say(line)
    return 0
