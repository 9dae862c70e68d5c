"""mmkit: papers on multimodal learning, replicated claim by claim in notebooks.

The rooms, in the order in which data flows; a module imports only from its left (tests/test_flow.py keeps it so):

errors -> papers -> schema -> cache -> features -> worlds | readers -> text -> batches -> layers -> models -> fit -> scores
       -> claims -> plots -> widgets -> trials -> study -> parameters -> progress -> execution -> runner -> report
       -> doctor | student -> cli

Nothing heavy is imported here: `import mmkit` costs milliseconds and does not load torch.
"""

__version__ = "0.1.0"
