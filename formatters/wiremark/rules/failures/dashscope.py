"""DashScope's errors: in OpenAI's form, in its own, and in Anthropic's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .anthropic import messages_row
from .core import KnownFailure, page, thread

__all__ = ["COMPATIBLE", "DASHSCOPE_MESSAGES", "NATIVE"]

_ALIYUN: Final = page(
    "https://help.aliyun.com/zh/model-studio/error-code",
    "lists status, code and words; read in stored copies",
)
_ALIYUN_OLD: Final = page(
    "https://help.aliyun.com/zh/dashscope/developer-reference/return-status-code-description",
    "lists status, code and words",
)
_SDK_TYPES: Final = page(
    "https://pypi.org/project/dashscope/2.0.2/",
    "v2/_error_registry.py names Anthropic's type for each error",
)
_SHAPE: Final = "that the body has this form"


def _gateway(status: int, message: str, **more: Any) -> KnownFailure:
    return KnownFailure(**{"status": status, "message": message, "shape": "gateway", **more})


def _native(status: int, code: str, message: str, **more: Any) -> KnownFailure:
    return KnownFailure(
        **{
            "status": status,
            "code": code,
            "message": message,
            "shape": "native",
            "source": _ALIYUN,
            **more,
        }
    )


def _dashscope_messages(status: int, kind: str, message: str, **more: Any) -> KnownFailure:
    told = {"source": _SDK_TYPES, "assumed": _SHAPE}
    return messages_row(status, kind, message, **{**told, **more})


_HELP: Final = " For details, see: https://help.aliyun.com/zh/model-studio/error-code#"
_OCCURED: Final = (
    "An internal error has occured, please try again later or contact service support."
)
_BODY: Final = "Required body invalid, please check the request body format."
_LISTED_400: Final = "the status: the page lists the words among those of 400"
_MODERATED: Final = "Input data may contain inappropriate content."
_STANDING: Final = "Access denied, please make sure your account is in good standing."
_QUOTA: Final = "Allocated quota exceeded, please increase your quota limit."
_TIMEOUT: Final = (
    "An internal timeout error has occured during execution, please try again later or contact"
    " service support."
)

COMPATIBLE: Final[Mapping[str, KnownFailure]] = {
    "wrong-key": _gateway(
        401,
        f"Incorrect API key provided.{_HELP}apikey-error",
        code="invalid_api_key",
        source=page("https://help.aliyun.com/zh/model-studio/error-code", "and recorded bodies"),
    ),
    "no-balance": _gateway(
        400,
        f"{_STANDING}{_HELP}overdue-payment",
        type="Arrearage",
        code="Arrearage",
        shape="model",
        source=thread("hsliuping/TradingAgents-CN#170"),
    ),
    "denied": _gateway(
        403,
        "Access denied.",
        type="access_denied",
        code="access_denied",
        source=_ALIYUN,
        assumed="the type, which in other rows is the code",
    ),
    "moderated": _gateway(
        400,
        f"{_MODERATED}{_HELP}inappropriate-content",
        type="data_inspection_failed",
        code="data_inspection_failed",
        shape="model",
        source=thread("666ghj/BettaFish#449"),
    ),
    "unknown-model": _gateway(
        404,
        "The model `{model}` does not exist or you do not have access to it.",
        code="model_not_found",
        source=thread("ChatLunaLab/chatluna#482"),
    ),
    "unsupported-model": _gateway(
        404,
        "Unsupported model `{model}` for OpenAI compatibility mode.",
        code="model_not_supported",
        source=_ALIYUN,
        assumed="the type",
    ),
    "unknown-path": _gateway(404, "Not Found", assumed="the body"),
    "wrong-method": _gateway(
        405, "Request method '{method}' is not supported.", source=_ALIYUN, assumed=_LISTED_400
    ),
    "bad-json": _gateway(400, _BODY, source=thread("olimorris/codecompanion.nvim#3109")),
    "unknown-encoding": _gateway(
        415, "Unsupported Content-Encoding: {problem}.", assumed="status and words"
    ),
    "too-large": _gateway(
        413, "Payload Too Large", source=_ALIYUN_OLD, assumed="that it is so in this form"
    ),
    "too-many-requests": _gateway(
        429,
        "You exceeded your current requests list.",
        type="limit_requests",
        code="limit_requests",
        source=thread("infiniflow/ragflow#10598", "the code stands in the page"),
        assumed="the type, which in other rows is the code",
    ),
    "too-many-tokens": _gateway(
        429,
        f"You exceeded your current quota, please check your plan and billing details.{_HELP}"
        "token-limit",
        type="insufficient_quota",
        code="insufficient_quota",
        source=thread("can1357/oh-my-pi#8476"),
    ),
    "timeout": _gateway(
        500,
        "Request timed out, please try again later.",
        type="internal_server_error",
        code="internal_error",
        source=_ALIYUN,
        assumed="type and code",
    ),
    "server": _gateway(
        500,
        _OCCURED,
        type="internal_server_error",
        code="internal_error",
        source=_ALIYUN,
        assumed="the type",
    ),
    "unavailable": _gateway(
        503,
        "Too many requests. Your requests are being throttled due to system capacity limits."
        " Please try again later.",
        type="service_unavailable",
        code="service_unavailable",
        source=_ALIYUN,
        assumed="type and code",
    ),
}

NATIVE: Final[Mapping[str, KnownFailure]] = {
    "wrong-key": _native(
        401,
        "InvalidApiKey",
        "Invalid API-key provided.",
        source=thread("dinoanderson/qwen_cli_coder#1"),
    ),
    "no-balance": _native(
        400,
        "Arrearage",
        f"{_STANDING}{_HELP}overdue-payment",
        source=thread("1Panel-dev/MaxKB#5297"),
    ),
    "denied": _native(403, "AccessDenied", "Access denied."),
    "moderated": _native(400, "DataInspectionFailed", _MODERATED),
    "unknown-model": _native(400, "InvalidParameter", "Model not exist."),
    "unknown-path": _native(
        400,
        "InvalidParameter",
        "url error, please check url",
        source=page("https://help.aliyun.com/zh/model-studio/error-code", "and recorded answers"),
    ),
    "wrong-method": _native(
        405,
        "InvalidParameter",
        "Request method '{method}' is not supported.",
        assumed=_LISTED_400,
    ),
    "bad-json": _native(400, "InvalidParameter", _BODY),
    "unknown-encoding": _native(
        415,
        "InvalidParameter",
        "Unsupported Content-Encoding: {problem}.",
        source=None,
        assumed="status, code and words",
    ),
    "too-large": _native(413, "BadRequest.TooLarge", "Payload Too Large", source=_ALIYUN_OLD),
    "too-many-requests": _native(
        429,
        "Throttling.RateQuota",
        "Requests rate limit exceeded, please try again later.",
    ),
    "too-many-tokens": _native(429, "Throttling.AllocationQuota", _QUOTA),
    "timeout": _native(500, "InternalError.Timeout", _TIMEOUT),
    "server": _native(500, "InternalError", _OCCURED, source=_ALIYUN_OLD),
    "unavailable": _native(
        503, "ModelUnavailable", "Model is unavailable, please try again later."
    ),
}

DASHSCOPE_MESSAGES: Final[Mapping[str, KnownFailure]] = {
    "wrong-key": _dashscope_messages(
        401, "authentication_error", f"Incorrect API key provided.{_HELP}apikey-error"
    ),
    "no-balance": _dashscope_messages(
        400, "invalid_request_error", f"{_STANDING}{_HELP}overdue-payment"
    ),
    "denied": _dashscope_messages(403, "permission_error", "Access denied."),
    "moderated": _dashscope_messages(
        400, "invalid_request_error", f"{_MODERATED}{_HELP}inappropriate-content"
    ),
    "unknown-model": _dashscope_messages(
        404,
        "not_found_error",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    "unknown-path": _dashscope_messages(404, "not_found_error", "Not Found"),
    "wrong-method": _dashscope_messages(
        405, "invalid_request_error", "Request method '{method}' is not supported."
    ),
    "bad-json": _dashscope_messages(400, "invalid_request_error", _BODY),
    "unknown-encoding": _dashscope_messages(
        415, "invalid_request_error", "Unsupported Content-Encoding: {problem}."
    ),
    "too-large": _dashscope_messages(413, "request_too_large", "Payload Too Large"),
    "too-many-requests": _dashscope_messages(
        429, "rate_limit_error", "You exceeded your current requests list."
    ),
    "too-many-tokens": _dashscope_messages(
        429,
        "billing_error",
        f"You exceeded your current quota, please check your plan and billing details.{_HELP}"
        "token-limit",
    ),
    "timeout": _dashscope_messages(
        504, "timeout_error", "Request timed out, please try again later."
    ),
    "server": _dashscope_messages(500, "api_error", _OCCURED),
    "unavailable": _dashscope_messages(
        503, "overloaded_error", "Model is unavailable, please try again later."
    ),
}
