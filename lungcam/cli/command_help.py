"""Help of each command: usage, what it does, and its settings."""

SUMMARIES = {
    "train": "train a net on a cohort, with figures, heat-maps and a report",
    "infer": "apply a trained net to one scan or many",
    "check": "check scans, or the cohort of a training",
    "compare": "compare two training runs on the same samples",
    "cache": "describe or clear the cache of prepared inputs",
    "phantom": "write synthetic chests in the layout of a data set",
    "export": "write a trained net as ONNX or for torch.export",
    "luna25": "rate the nodules of a case as a container of LUNA25 does",
    "completion": "print a script that completes commands and keys in a shell",
}
EXIT_CODES = (
    "Exit codes: 0 done, 2 the input is at fault or a scan is not usable. Research use only."
)
# those of train and infer follow conf/, see `lungcam.cli.help`
HELP = {
    "check": """\
lungcam check PATH... [view=lungs|nodule] [mask=NAME] [series=UID] [time=K]
                  [tilt=refuse] [out=DIR]

  Reads every scan under the paths and prints one line for each: ok, LOOK (usable, but a person
  should look) or REFUSED, with every finding, its place and the remedy. The DICOM SEG and RTSTRUCT
  files that were drawn on it follow, a line each.

  view=lungs    expects a whole chest and checks the lung mask (default)
  view=nodule   accepts crops around a nodule
  mask=cavity   lung mask to check: recipe, closed or cavity
  series=UID    series to read where a folder holds several
  time=K        volume to read, from 0, where a file holds several
  tilt=refuse   refuses the slices of a tilted gantry; by default they are straightened
  out=DIR       writes check.json, and masks.html with pictures of every mask

lungcam check data=NAME [KEY=VALUE]... [out=DIR]

  Describes the cohort of a training with the same settings (data=lidc data.root=PATH view=nodule):
  samples, labels, patients, samples that are left out and why, scans of two patients, and an
  estimate of disk space and time. Nothing is prepared.

  out=DIR       writes samples.csv, the table of the cohort, which data=table reads
""",
    "phantom": """\
lungcam phantom OUT layout=luna16|luna25|lidc|nlst|nlst_risk [n=N] [seed=N]
                    [difficulty=X] [matrix=N] [pattern=X]

  Writes synthetic phantoms into the folder OUT with the scans, tables and annotations of the data
  set, and prints the command that trains on them. After an interruption it continues.

  n=40            phantoms: half malignant, a quarter benign, a quarter healthy
  seed=0          another seed gives another cohort
  difficulty=0.3  from 0 (easy) to 1 (hard)
  matrix=192      rows and columns of a slice
  pattern=0.8     nlst_risk, with years of follow-up: share of the people with cancer in whom a
                  faint pattern precedes it; 0 for none
""",
    "cache": """\
lungcam cache info|clear [cache=DIR] [stale=true]

  info describes the cache of prepared inputs: number, size and age, which of them this version can
  use, and which are damaged. clear removes them, and no file of others; train.py prepares again
  what it needs.

  cache=outputs/cache  as for train.py
  stale=true           clears only damaged files, leftovers and inputs of other versions
""",
    "compare": """\
lungcam compare RUN_A RUN_B [split=test] [out=DIR]

  Compares two training runs, or two cross-validations, on the samples that both predicted: each
  AUC, and the difference with its 95 % interval and p by a paired bootstrap over patients.

  split=test    or val
  out=DIR       writes compare.json
""",
    "export": """\
lungcam export ckpt=RUN out=FILE [scan=PATH] [series=UID] [plugins=NAME]

  Writes a trained net for other programs, with a description of its input and output, and checks
  that it gives the same logits there.

  ckpt=RUN      a checkpoint file, or the folder of a training run
  out=FILE      x.onnx, for ONNX Runtime and others, or x.pt2, for torch.export; .onnx needs
                lungcam[export]
  scan=PATH     scan, or folder of some, for the check; a phantom by default
""",
    "luna25": """\
lungcam luna25 ckpt=RUN [input=/input] [output=/output] [tta=flips] [plugins=NAME]

  Rates the nodules of one case as a container of the LUNA25 challenge does: reads
  input/images/chest-ct/<uid>.mha and input/nodule-locations.json, and writes
  output/lung-nodule-malginancy-likelihoods.json.

  ckpt=RUN      a net of view=nodule, the folder of a cross-validation, or a list [A,B]
""",
    "completion": """\
lungcam completion bash|zsh

  Prints a script for your shell: eval "$(lungcam completion bash)" completes commands, groups,
  their choices and keys until the shell ends; put the line into ~/.bashrc or ~/.zshrc to keep it.
""",
}


def overview() -> str:
    """Return the help of `lungcam` without a command."""
    width = max(map(len, SUMMARIES))
    lines = "\n".join(f"  {name:{width}}  {text}" for name, text in SUMMARIES.items())
    return (
        "lungcam COMMAND [KEY=VALUE]...\n\n"
        f"{lines}\n\n"
        "lungcam COMMAND --help lists the settings of a command; lungcam --version prints the "
        "version.\nIn a checkout, python -m lungcam COMMAND does the same; train.py is lungcam "
        f"train,\ninfer.py is lungcam infer.\n\n{EXIT_CODES}"
    )


def command_help(command: str) -> str:
    """Return the help of a small command."""
    return f"{HELP[command]}\n{EXIT_CODES}"
