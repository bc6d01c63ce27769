"""Where predictions stood up to 0.3.0: the code that is stored with those registered models imports them from here."""

from models.prediction import predict_frame

__all__ = ["predict_frame"]
