"""The label head of an encoder: the mean of its last states, of unit length, through one linear layer.

It is the embedding that frozen students read (Reimers and Gurevych, 2019), so that a solved logistic
regression can be its first head.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def pooled_classifier() -> Any:
    """The class, a `BertPreTrainedModel`; made on first use, for it takes torch and transformers."""
    import torch
    from transformers import BertModel, BertPreTrainedModel
    from transformers.modeling_outputs import SequenceClassifierOutput

    from p2m.students.onnx_graph import pooled

    class PooledClassifier(BertPreTrainedModel):  # type: ignore[misc]
        """`bert` and `classifier`: ids, mask, types (batch, length) to logits (batch, labels)."""

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.num_labels = config.num_labels
            self.bert = BertModel(config, add_pooling_layer=False)
            self.dropout = torch.nn.Dropout(config.hidden_dropout_prob)
            self.classifier = torch.nn.Linear(config.hidden_size, config.num_labels)
            self.post_init()

        def embed(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            """Embeddings of unit length, (batch, hidden_size)."""
            found = self.bert(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
            )
            return pooled(found.last_hidden_state, attention_mask)

        def forward(
            self,
            input_ids: Any = None,
            attention_mask: Any = None,
            token_type_ids: Any = None,
            labels: Any = None,
            **_: Any,
        ) -> Any:
            """Logits, and the mean cross-entropy where `labels` (batch,) are given."""
            logits = self.classifier(self.dropout(self.embed(input_ids, attention_mask, token_type_ids)))
            loss = None if labels is None else torch.nn.functional.cross_entropy(logits.float(), labels)
            return SequenceClassifierOutput(loss=loss, logits=logits)

    return PooledClassifier
